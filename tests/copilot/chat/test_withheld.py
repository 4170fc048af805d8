"""Secrets back into what a model proposes, and only where that is certain."""

import pytest

from copilot.chat.fix import Fix
from copilot.chat.place import Lines, Place, shown_document
from copilot.chat.proposal import replace_lines
from copilot.chat.withheld import left_out, revealed, withheld
from copilot.errors import SlipstreamError
from copilot.text.document import Document

TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
OTHER = "ghp_" + "0a9B8c7D6e5F4a3B2c1D0e9F8a7B6c5D4e3F"
SHOWN = "GITHUB_TOKEN_REDACTED" + "x" * 19
SHORT, LONGER = "hunter2xKf93" + "jdkA!wQp", "Zr7#mVb2pLs8" + "QxT!4kWnYd"
BODY = "\n".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA{at:04}+xYz/QrStUv" for at in range(8))
KEY = f"-----BEGIN PRIVATE KEY-----\n{BODY}\n-----END PRIVATE KEY-----"


def document(text: str) -> Document:
    return Document.from_text("file:///p/a.py", "python", 1, text)


def made(text: str, new: str, held: Lines | None = None) -> str:
    """``text`` once a model that saw it without secrets wrote ``new`` in place of ``held``."""
    own = document(text)
    lines = held or Lines(0, len(own.lines))
    return revealed(replace_lines(shown_document(own), lines, new), own, lines).text


def refused(text: str, new: str, held: Lines | None = None) -> bool:
    with pytest.raises(SlipstreamError) as caught:
        made(text, new, held)
    return caught.value.code == "secrets_left_out"


def test_a_changed_line_has_its_secret_again() -> None:
    assert made(f"header = '{TOKEN}'\n", f"github = '{SHOWN}'\n") == f"github = '{TOKEN}'\n"


@pytest.mark.parametrize(
    "wrong", [SHOWN[:-1], SHOWN + "x", SHOWN[:21], "a" + SHOWN, SHOWN + "y", "REDACTED", "REDACTEDx"]
)
def test_a_placeholder_that_is_not_the_one_that_was_shown_is_refused(wrong: str) -> None:
    assert refused(f"header = '{TOKEN}'\n", f"github = '{wrong}'\n")


def test_a_miscounted_one_does_not_bring_another_secret() -> None:
    text = f"password = '{SHORT}'\nb_password = '{LONGER}'\n"
    assert [len(it.value) for it in withheld(text)] == [20, 22]
    one, two = (it.stand_in for it in withheld(text))
    assert made(text, f"a = '{one}'\nb = '{two}'\n") == f"a = '{SHORT}'\nb = '{LONGER}'\n"
    assert refused(text, f"a = '{one}'\nb = '{one}x'\n")


def test_lines_that_stay_keep_secrets_that_look_alike() -> None:
    text = f"a = '{TOKEN}'\nb = '{OTHER}'\nc = 1\n"
    assert made(text, f"a = '{SHOWN}'\nb = '{SHOWN}'\nc = 2\n") == text.replace("c = 1", "c = 2")
    assert refused(text, f"a = '{SHOWN}'\nd = '{SHOWN}'\nc = 1\n")


def test_of_lines_that_look_the_same_none_goes_alone() -> None:
    text = f"header = '{TOKEN}'\nx = 1\nheader = '{OTHER}'\ny = 1\n"
    assert refused(text, f"x = 2\nheader = '{SHOWN}'\ny = 2\n")
    assert made(text, "x = 1\ny = 1\n") == "x = 1\ny = 1\n"


def test_a_private_key_stays_and_its_lines_are_not_made_up() -> None:
    text = f'KEY = """{KEY}"""\nx = 1\n'
    shown = shown_document(document(text)).text
    assert "MII" not in shown
    assert made(text, shown.replace("x = 1", "x = 2")) == text.replace("x = 1", "x = 2")
    *head, last, end = shown.partition("\nx = 1")[0].split("\n")
    assert set(last) == {"x"}
    assert refused(text, "\n".join([*head, f"{last}x", end, "x = 1"]))
    assert refused(text, "\n".join([*head, last, last[:-1], end, "x = 1"]))


def test_only_what_the_replaced_lines_held_is_put_in() -> None:
    text = f"header = '{TOKEN}'\n\n\ndef f():\n    pass\n"
    assert refused(text, f"def f():\n    return '{SHOWN}'", Lines(3, 5))


def test_words_of_the_document_and_of_the_language_are_no_placeholders() -> None:
    assert made("x = 1\n", "x = '[REDACTED]'\n") == "x = '[REDACTED]'\n"
    assert made("x = 1\n", "REDACTED_FIELDS = 1\n") == "REDACTED_FIELDS = 1\n"
    text = f"a = '{TOKEN}'\nb = 'PASSWORD_REDACTEDxx'\n"
    assert made(text, f"a = '{SHOWN}'\nc = 'PASSWORD_REDACTEDxx'\n").endswith("c = 'PASSWORD_REDACTEDxx'\n")


def test_placeholders_of_another_file_are_refused() -> None:
    assert refused("x = 1\n", f"x = '{SHOWN}'\n")
    assert left_out(f"x = '{SHOWN}'", "x = 1\n")
    assert not left_out("x = 'xxx'", "x = 1\n")


def test_line_ends_stay_what_they_are() -> None:
    text = f"a = '{TOKEN}'\r\nb = 1\r\n"
    assert made(text, f"c = '{SHOWN}'\nb = 1\n") == f"c = '{TOKEN}'\r\nb = 1\r\n"


def test_a_fix_says_why_it_proposes_nothing() -> None:
    own = document(f"def f():\n    header = '{TOKEN}'\n    return headr\n")
    fix = Fix(Place(own, (2, 4), (2, 4)))
    answer = f"```python\ndef f():\n    header = '{SHOWN}'\n    return header\n```"
    right = fix.read(answer, whole=True)
    assert right.proposal is not None
    assert right.proposal.text == own.text.replace("headr", "header")
    # Its line was written anew, with one letter too few.
    wrong = fix.read(answer.replace("xx'", "x'"), whole=True)
    assert wrong.proposal is None
    assert "secrets that the model was not shown" in wrong.note
