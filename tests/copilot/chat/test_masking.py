"""Secrets out of a question."""

from copilot.chat.masking import Masking, without_secrets

ONE = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
PASSWORD = "hunter2xKf93" + "jdkA!"
LONG = "Kd8#fLq2!vBn7$wXz4@" * 4


def test_the_model_sees_none_and_the_lengths_stay() -> None:
    text = f"a = '{ONE}'\nb = 1\n"
    shown = Masking().shown(text)
    assert ONE not in shown
    assert len(shown) == len(text)
    assert shown.endswith("b = 1\n")


def test_a_value_is_masked_where_it_is_quoted_without_its_name() -> None:
    said = f'"Literal[\'{PASSWORD}\']" is not assignable to "int"'
    assert Masking(f"password = '{PASSWORD}'\n").shown(said) == said.replace(PASSWORD, "PASSWORD_REDACTED")
    assert Masking("").shown(said) == said


def test_so_is_one_that_was_cut_off() -> None:
    shown = Masking(f"password = '{LONG}'\n").shown(f"Literal['{LONG[:50]}…']")
    assert LONG[:8] not in shown
    assert shown.endswith("x…']")


def test_turns_keep_what_else_they_have() -> None:
    turns = without_secrets([{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"x {ONE} y"}])
    assert turns[0] == {"role": "system", "content": "Be brief."}
    assert turns[1]["role"] == "user"
    assert ONE not in turns[1]["content"]
