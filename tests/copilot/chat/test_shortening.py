import pytest

from copilot.chat.shortening import first_words, summary_turns, title_of, title_turns, to_summarise
from copilot.chat.thread import Message


def messages(count: int) -> list[Message]:
    return [
        Message(id=at, parent=at - 1 if at else None, role="user" if at % 2 == 0 else "assistant", text=f"text {at}")
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Parsing dates in Go", "Parsing dates in Go"),
        ('"Parsing dates."', "Parsing dates"),
        ("Title: Parsing dates\nIt is about…", "Parsing dates"),
        ("# Parsing dates", "Parsing dates"),
        ("<think>hm</think>\nParsing dates", "Parsing dates"),
        ("ok", None),
        ("", None),
        ("```\ncode\n```", None),
        ("This conversation is about how one could parse dates in the language Go and more", None),
    ],
)
def test_a_title_is_taken_only_where_it_is_one(answer: str, title: str | None) -> None:
    assert title_of(answer) == title


def test_until_then_the_first_words_stand_for_it() -> None:
    assert first_words("  How do\nI sort? ") == "How do I sort?"
    long = first_words("word " * 40)
    assert len(long) <= 60
    assert long.endswith("…")


def test_the_newest_messages_stay_as_they_are() -> None:
    assert to_summarise(messages(4), None) == []
    assert [it.id for it in to_summarise(messages(9), None)] == [0, 1, 2, 3]
    assert [it.id for it in to_summarise(messages(9), 1)] == [2, 3]


def test_a_summary_takes_in_the_one_before() -> None:
    (_, asked) = summary_turns("They chose Go.", messages(4), 4000)
    assert "They chose Go." in asked["content"]
    assert "User: text 0" in asked["content"]
    assert "Assistant: text 3" in asked["content"]


def test_a_title_is_asked_for_in_few_words() -> None:
    (_, asked) = title_turns("q" * 5000, "a" * 5000)
    assert len(asked["content"]) < 1500
