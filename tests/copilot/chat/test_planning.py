import msgspec

from copilot.chat.attachments import file_attachment
from copilot.chat.history import Summary
from copilot.chat.planning import plan, room_for
from copilot.chat.thread import Message, MessageState

FILE = file_attachment("a.py", "u", "python", "x = 1\n" * 60)


def branch(*texts: str, attached: int = -1) -> list[Message]:
    return [
        Message(
            id=at,
            parent=at - 1 if at else None,
            role="user" if at % 2 == 0 else "assistant",
            text=text,
            attachments=(FILE,) if at == attached else (),
        )
        for at, text in enumerate(texts)
    ]


def contents(planned_turns: list[dict[str, str]]) -> str:
    return "\n".join(turn["content"] for turn in planned_turns)


def test_with_room_everything_goes_in_in_order() -> None:
    planned = plan(branch("one", "two", "three", attached=0), 20_000)
    assert [turn["role"] for turn in planned.turns] == ["system", "user", "assistant", "user"]
    assert "From a.py" in planned.turns[1]["content"]
    assert planned.turns[-1]["content"] == "three"
    assert planned.dropped == ()
    assert planned.next_dropped == ("what was attached to “one”", "“one”")


def test_what_was_attached_earlier_goes_first_then_the_oldest_exchange() -> None:
    messages = branch("one " * 100, "1 " * 100, "two " * 100, "2 " * 100, "the question", attached=0)
    whole = plan(messages, 20_000).characters
    tighter = plan(messages, whole - 100)
    assert [it.startswith("what was attached") for it in tighter.dropped] == [True]
    assert "one one" in contents(tighter.turns)
    tight = plan(messages, 1_300)
    assert "one one" not in contents(tight.turns)
    assert "two two" in contents(tight.turns)
    assert any(it.startswith("“one one") for it in tight.dropped)


def test_the_question_itself_stays_whole_and_what_is_attached_to_it_is_cut() -> None:
    messages = branch("why " * 50, attached=0)
    planned = plan(messages, 800)
    assert planned.turns[-1]["content"].endswith(("why " * 50).strip())
    assert "[...]" in planned.turns[-1]["content"]
    assert planned.next_dropped == ("parts of what is attached now",)
    assert planned.share <= 1.2


def test_facts_and_a_summary_go_with_the_system_message() -> None:
    messages = branch("old question", "old answer", "newer", "answer", "now")
    planned = plan(messages, 20_000, facts=["Use pytest"], summary=Summary("They spoke of parsers.", 1))
    system = planned.turns[0]["content"]
    assert "- Use pytest" in system
    assert "They spoke of parsers." in system
    assert "old question" not in contents(planned.turns)
    assert "newer" in contents(planned.turns)


def test_a_summary_of_another_branch_is_not_used() -> None:
    planned = plan(branch("q", "a", "now"), 20_000, summary=Summary("Elsewhere.", 99))
    assert "Elsewhere." not in contents(planned.turns)
    assert "q" in [turn["content"] for turn in planned.turns]


def test_an_answer_that_broke_off_is_marked_and_one_that_never_came_is_left_out() -> None:
    messages = branch("q1", "half", "q2", "", "now")
    messages[1] = msgspec.structs.replace(messages[1], state=MessageState.STOPPED)
    planned = plan(messages, 20_000)
    assert [turn["content"] for turn in planned.turns[1:]] == ["q1", "half [...]", "now"]


def test_the_room_follows_the_model_and_leaves_some_for_the_answer() -> None:
    assert room_for(512) < room_for(4096) < room_for(32_768)
    assert room_for(4096) < 4096 * 3.2
