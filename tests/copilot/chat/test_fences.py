"""Code in answers, however a model fences it."""

import pytest

from copilot.chat.fences import candidates, parts


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ("Here:\n```python\nx = 1\n```\nDone.", "x = 1"),
        ("```\nx = 1", "x = 1"),
        ("~~~py\nx = 1\n~~~", "x = 1"),
        ("````md\n```py\nx\n```\n````", "```py\nx\n```"),
        ("```md\n```py\nx\n```\n```", "```py\nx\n```"),
        ("  ```py\n  x = 1\n    y\n  ```", "x = 1\n  y"),
        ("```py\r\nx = 1\r\n```", "x = 1"),
        ("x = 1", "x = 1"),
    ],
)
def test_the_code_is_found(answer: str, code: str) -> None:
    assert [block.code for block in candidates(answer)] == [code]


def test_a_later_block_corrects_an_earlier_one() -> None:
    assert [it.code for it in candidates("```\na\n```\nBetter:\n```\nb\n```")] == ["b", "a"]


def test_prose_is_what_stands_outside() -> None:
    assert parts("Before.\n```\na\n```\nAfter.").prose == "Before.\nAfter."


@pytest.mark.parametrize("answer", ["", "\n\n", "```\n\n```"])
def test_nothing_is_nothing(answer: str) -> None:
    assert candidates(answer) == []
