import random

import pytest

from copilot.chat.segments import MOST_LINE, MOST_PROSE, Kind, SegmentStream, presentable, segments_of, without_thoughts

ANSWER = """Here it is:

```python
def f():
    return "```"
```

1. First
   ~~~sh
   make test
   ~~~
2. Second with `code`

<think>maybe
``` no fence in here
</think>Done. **Bold** and [a link](https://example.org).
"""


def pairs(text: str) -> list[tuple[str, str, str]]:
    return [(it.kind.value, it.language, it.text) for it in segments_of(text)]


def test_prose_code_and_thoughts_are_told_apart() -> None:
    assert pairs(ANSWER) == [
        ("prose", "", "Here it is:\n\n"),
        ("code", "python", 'def f():\n    return "```"\n'),
        ("prose", "", "1. First\n"),
        ("code", "sh", "make test\n"),
        ("prose", "", "2. Second with `code`\n\n"),
        ("thought", "", "maybe\n``` no fence in here\n"),
        ("prose", "", "Done. **Bold** and [a link](https://example.org).\n"),
    ]


_PARTS = (
    "```",
    "`",
    "~~~",
    "\n",
    "\n\n",
    " ",
    "    ",
    "a",
    "word",
    "<think>",
    "</think>",
    "<",
    "py",
    "- x",
    "**",
    "[l](u)",
    "é🦀",
)


@pytest.mark.parametrize("seed", range(300))
def test_how_a_text_is_cut_never_shows(seed: int) -> None:
    cut = random.Random(seed)
    text = "".join(cut.choice(_PARTS) for _ in range(cut.randint(1, 60)))
    stream, at = SegmentStream(), 0
    while at < len(text):
        end = at + cut.randint(1, 5)
        count = len(stream.segments)
        assert stream.feed(text[at:end]) >= max(0, count - 1)
        at = end
    stream.close()
    assert stream.segments == segments_of(text)


@pytest.mark.parametrize("seed", range(100))
def test_what_was_shown_of_code_is_never_taken_back(seed: int) -> None:
    cut = random.Random(seed)
    code = "".join(cut.choice(("x = 1\n", "`", "``", "```", " ", "\n", "# é\n", "~~~")) for _ in range(30))
    stream, shown = SegmentStream(), ""
    for char in f"````\n{code}":
        stream.feed(char)
        if stream.segments:
            now = stream.visible(0)
            assert now.startswith(shown)
            shown = now
    assert shown.rstrip("`").strip() == code.rstrip("`").strip() or "````" in code


def test_a_line_is_withheld_only_while_it_can_still_become_a_fence() -> None:
    stream = SegmentStream()
    stream.feed("``")
    assert stream.segments == []
    stream.feed("x")
    assert stream.visible(0) == "``x"
    stream.feed("`` is code\n")
    assert [it.kind for it in stream.segments] == [Kind.PROSE]


def test_an_open_fence_is_code_to_the_end() -> None:
    (only,) = segments_of("```js\nlet a\n")
    assert (only.kind, only.language, only.text, only.closed) == (Kind.CODE, "js", "let a\n", True)


def test_long_prose_is_closed_at_a_paragraph_so_that_it_costs_nothing_more() -> None:
    paragraph = "word " * 100 + "\n\n"
    found = segments_of(paragraph * 12)
    assert len(found) > 1
    assert all(len(it.text) < MOST_PROSE + 2 * len(paragraph) for it in found)
    assert "".join(it.text for it in found) == paragraph * 12


def test_a_line_without_end_is_cut_too() -> None:
    text = "word " * 10_000
    found = segments_of(text)
    assert max(len(it.text) for it in found) <= MOST_LINE
    assert "".join(it.text for it in found) == f"{text}\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see [the do", "see "),
        ("see [the docs](htt", "see "),
        ("see [it](u) and", "see [it](u) and"),
        ("![x", ""),
        ("a **bold", "a **bold**"),
        ("a **", "a "),
        ("use `cod", "use `cod`"),
        ("plain", "plain"),
    ],
)
def test_half_a_sign_is_not_shown(text: str, shown: str) -> None:
    assert presentable(text) == shown


def test_thoughts_do_not_go_into_the_next_prompt() -> None:
    assert without_thoughts("<think>hm</think>Yes.") == "Yes."
    assert without_thoughts("<think>hm\n</think>\n```py\nx\n```\nend") == "```py\nx\n```\n\nend"
    assert without_thoughts("no thought") == "no thought"
