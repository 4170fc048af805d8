"""A conversation in the room that there is."""

from copilot.chat.conversation import Conversation
from tests.copilot.chat.places import place


def turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def test_the_newest_turns_are_kept_and_begin_with_a_question() -> None:
    earlier = [turn("user", "a" * 400), turn("assistant", "b" * 400), turn("user", "c"), turn("assistant", "d")]
    turns = Conversation("e", earlier).turns(500)
    assert [it["content"] for it in turns[1:]] == ["c", "d", "e"]
    assert turns[0]["role"] == "system"


def test_the_code_it_is_about_comes_with_the_question() -> None:
    turns = Conversation("Why?", (), place("def f():\n    return «»1\n")).turns(2000)
    assert "return 1" in turns[-1]["content"]
    assert "src/a" in turns[-1]["content"]
    assert turns[-1]["content"].endswith("Why?")


def test_its_title_is_one_line() -> None:
    title = Conversation("why\nis  " + "x" * 100).title
    assert title.startswith("why is x")
    assert len(title) == 60
