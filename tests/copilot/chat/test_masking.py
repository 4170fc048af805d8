"""Secrets out of a question, and back into the code of its answer."""

from copilot.chat.masking import Masking, without_secrets

ONE = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
TWO = "ghp_" + "0a9B8c7D6e5F4a3B2c1D0e9F8a7B6c5D4e3F"
STRIPE = "sk_" + "live_" + "4eC39HqLyjWDarjtT1zdp7dc4eC39HqL"


def asked(masking: Masking, *texts: str) -> list[str]:
    return [turn["content"] for turn in masking.turns({"role": "user", "content": it} for it in texts)]


def test_the_model_sees_none_and_the_lengths_stay() -> None:
    masking = Masking()
    (shown,) = asked(masking, f"a = '{ONE}'\nb = 1\n")
    assert ONE not in shown
    assert len(shown) == len(f"a = '{ONE}'\nb = 1\n")
    assert shown.endswith("b = 1\n")


def test_a_corrected_line_has_its_secret_again() -> None:
    masking = Masking()
    (shown,) = asked(masking, f"token = '{ONE}'\n")
    assert masking.restored(shown.replace("token", "github")) == f"github = '{ONE}'\n"
    assert not masking.left_in(shown)


def test_of_two_kinds_each_comes_back() -> None:
    masking = Masking()
    shown = "\n".join(asked(masking, f"a = '{ONE}'", f"b = '{STRIPE}'"))
    assert masking.restored(shown) == f"a = '{ONE}'\nb = '{STRIPE}'"


def test_two_that_look_alike_do_not_take_each_other_s_place() -> None:
    masking = Masking()
    (shown,) = asked(masking, f"a = '{ONE}'\nb = '{TWO}'\n")
    assert masking.restored(shown) == shown
    assert masking.left_in(shown)
    assert not masking.left_in("c = 1")


def test_one_that_comes_twice_is_one() -> None:
    masking = Masking()
    first, second = asked(masking, f"a = '{ONE}'", f"b = '{ONE}'")
    assert masking.restored(first + second) == f"a = '{ONE}'b = '{ONE}'"


def test_turns_keep_what_else_they_have() -> None:
    turns = without_secrets([{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"x {ONE} y"}])
    assert turns[0] == {"role": "system", "content": "Be brief."}
    assert turns[1]["role"] == "user"
    assert ONE not in turns[1]["content"]
