from copilot.completion.session import Session
from copilot.context.request import CaretPlace


class Typing:
    """Someone types into a document; each key asks for a completion, as an editor does."""

    def __init__(self, above: str = "", suffix: str = "") -> None:
        self.session = Session()
        self.prefix, self.suffix = above, suffix
        self.version = 1

    def key(self, text: str) -> CaretPlace:
        self.prefix += text
        return self.ask()

    def ask(self) -> CaretPlace:
        self.version += 1
        line = self.prefix.count("\n")
        column = len(self.prefix) - self.prefix.rfind("\n") - 1
        return self.session.request(self.version, line, column, self.prefix, self.suffix).place


def test_the_place_chosen_first_stays_while_someone_types_along_the_line() -> None:
    typing = Typing("def f():\n    ", "\n")
    assert [typing.key(char) for char in "return"] == [CaretPlace.LINE_END] * 6
    typing = Typing("def f():\n    ", "\n")
    assert typing.ask() is CaretPlace.FRESH_LINE
    assert [typing.key(char) for char in "return"] == [CaretPlace.FRESH_LINE] * 6


def test_backspace_on_the_same_line_keeps_the_place() -> None:
    typing = Typing("x = 1\n", "")
    typing.ask()
    typing.key("y")
    typing.prefix = typing.prefix[:-1]
    assert typing.ask() is CaretPlace.FRESH_LINE


def test_another_line_is_decided_anew() -> None:
    typing = Typing("", "\n")
    assert typing.ask() is CaretPlace.FRESH_LINE
    assert typing.key("x = 1") is CaretPlace.FRESH_LINE
    assert typing.key("\ny = ") is CaretPlace.LINE_END


def test_a_bracket_that_the_editor_closes_decides_anew_and_again_when_it_is_gone() -> None:
    typing = Typing("foo", "\n")
    assert typing.ask() is CaretPlace.LINE_END
    typing.suffix = ")\n"
    assert typing.key("(") is CaretPlace.MID_LINE
    assert typing.key("a") is CaretPlace.MID_LINE
    typing.suffix = "\n"
    assert typing.key(")") is CaretPlace.LINE_END


def test_text_below_may_change_without_a_new_decision() -> None:
    typing = Typing("", "\nx = 1\n")
    typing.ask()
    typing.suffix = "\nx = 2\n"
    assert typing.key("y") is CaretPlace.FRESH_LINE


def test_a_newer_request_cancels_the_one_before() -> None:
    session = Session()
    first = session.request(1, 0, 0, "", "")
    second = session.request(2, 0, 1, "x", "")
    assert first.cancel is None
    assert second.cancel == first.generation
    assert session.live == second.generation
    assert not session.finished(first.generation)
    assert session.live == second.generation


def test_an_edit_cancels_but_not_the_version_the_request_was_made_for() -> None:
    session = Session()
    asked = session.request(3, 0, 0, "", "")
    assert session.edited(3) is None
    assert session.edited(4) == asked.generation
    assert session.live is None
    assert session.edited(5) is None
    assert not session.finished(asked.generation)


def test_an_answer_that_came_is_wanted_once_and_nothing_is_left_to_cancel() -> None:
    session = Session()
    asked = session.request(1, 0, 0, "", "")
    assert session.finished(asked.generation)
    assert not session.finished(asked.generation)
    assert session.edited(2) is None
    assert session.request(2, 0, 0, "", "").cancel is None


def test_closing_cancels_and_forgets_the_line() -> None:
    session = Session()
    asked = session.request(1, 0, 0, "", "\n")
    assert session.closed() == asked.generation
    assert session.closed() is None
    # Opened again with text on that line.
    assert session.request(1, 0, 1, "x", "\n").place is CaretPlace.LINE_END
