"""The session by itself: events in, actions out. Time is what the test says it is."""

from collections.abc import Sequence

import msgspec
import pytest

from copilot.completion.actions import Action, Answer, Grow, Note, Start, Stop
from copilot.completion.framing import ModelFacts
from copilot.completion.moment import Outcome
from copilot.completion.session import ORPHANED, READING, Session
from copilot.completion.speed import Speed
from copilot.config.settings import CompletionSettings
from copilot.context.request import CaretPlace, Snippet
from copilot.serve.api import Lane, ProgressData
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range
from copilot.text.spot import Spot
from tests.spots import spot_in

ORDER = ModelFacts({"fresh_line": "spm", "line_end": "psm", "mid_line": "psm", "no_suffix": "prefix"})
FAST = {"prefill": 5000.0, "decode": 200.0, "overhead": 0.01}


class Desk:
    """A session, someone who types, and an engine that writes what the test says."""

    def __init__(self, text: str, *, language: str = "python", speed: Speed | None = None, **settings: object) -> None:
        chosen = msgspec.structs.replace(CompletionSettings(), **settings)
        self.session = Session("desk", chosen, speed or Speed(**FAST), ORDER)
        self.spot = spot_in(text, language)
        self.now = 100.0
        self.actions: list[Action] = []
        self.id = 0

    def do(self, actions: Sequence[Action]) -> list[Action]:
        self.actions += actions
        return list(actions)

    def ask(self, *, invoked: bool = False, streaming: bool = False) -> list[Action]:
        self.id += 1
        return self.do(self.session.request(self.id, self.spot, self.now, invoked=invoked, streaming=streaming))

    def edit(self, text: str, *, removed: int = 0, ahead: str = "", wait: float = 0.0) -> list[Action]:
        """Type ``text`` after taking ``removed`` characters back; the editor puts ``ahead`` right of the caret."""
        self.now += wait
        spot = self.spot
        span = Range(Position(spot.line, spot.column - removed), Position(spot.line, spot.column))
        change = Change(span, text + ahead)
        document = spot.document.apply([change], PositionEncoding.UTF32, spot.document.version + 1)
        lines = text.count("\n")
        column = len(text) - text.rfind("\n") - 1 if lines else spot.column - removed + len(text)
        self.spot = Spot(document, spot.line + lines, column)
        return self.do(self.session.edited(document, [change], self.spot, self.now))

    def type(self, text: str, **how: object) -> list[Action]:
        """Edit, and ask as clients do."""
        actions = self.edit(text, **how)  # type: ignore[arg-type]
        return actions + self.ask()

    def engine(self, text: str, generation: int | None = None) -> list[Action]:
        return self.do(self.session.text(generation or self.started[-1].generation, text, self.now))

    def end(self, generation: int | None = None, reason: str = "stop") -> list[Action]:
        return self.do(self.session.finished(generation or self.started[-1].generation, self.now, reason))

    def wait(self, seconds: float) -> list[Action]:
        """Let time go by, waking the session as it wants to be."""
        until, done = self.now + seconds, list[Action]()
        while (due := self.session.next_wake) is not None and due <= until:
            self.now = due
            done += self.do(self.session.wake(due))
        self.now = until
        return done

    @property
    def started(self) -> list[Start]:
        return [action for action in self.actions if isinstance(action, Start)]

    @property
    def stopped(self) -> list[int]:
        return [action.generation for action in self.actions if isinstance(action, Stop)]

    def outcomes(self) -> list[Outcome]:
        return [action.moment.outcome for action in self.actions if isinstance(action, Note)]


def texts(actions: Sequence[Action]) -> list[list[str] | None]:
    """What the answers among ``actions`` say."""
    return [
        None if action.suggestions is None else [suggestion.text for suggestion in action.suggestions]
        for action in actions
        if isinstance(action, Answer)
    ]


FRESH = "def total(items):\n    ‸\n\ndef other():\n    pass\n"


# ------------------------------------------------------------------------------------------- kept while nothing speaks
# ------------------------------------------------------------------------------------------- against it


def test_a_request_starts_a_generation_and_its_first_whole_line_is_the_answer() -> None:
    desk = Desk(FRESH)
    assert texts(desk.ask()) == []
    assert desk.started[0].body.layout == "spm"
    assert texts(desk.engine("for item in items:")) == []
    answered = desk.engine("\n        count(")
    assert texts(answered) == [["for item in items:"]]
    assert desk.session.running == (1,)
    assert desk.stopped == []


def test_the_rest_of_an_answer_comes_from_the_kept_generation() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("for item in items:\n")
    desk.engine("        count(item)\n")
    assert texts(desk.type("for item in items:")) == [["\n        count(item)"]]
    assert len(desk.started) == 1


def test_a_generation_goes_on_while_what_is_typed_agrees_with_it() -> None:
    desk = Desk(FRESH)
    desk.ask()
    for key in "for":
        assert texts(desk.type(key)) in ([None], [None, None])
    assert desk.stopped == []
    assert len(desk.started) == 1
    assert texts(desk.engine("for item in items:\n        count(")) == [[" item in items:"]]


def test_a_generation_stops_with_the_key_that_contradicts_it() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("for item")
    actions = desk.edit("w")
    assert Stop(1) in actions
    desk.ask()
    assert len(desk.started) == 2
    assert desk.started[1].body.prefix.endswith("    w")


def test_a_generation_stops_when_its_text_turns_out_to_contradict_what_was_typed_meanwhile() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.type("w")
    assert desk.stopped == []
    actions = desk.engine("for item")
    assert Stop(1) in actions
    assert [start.body.prefix.rpartition("\n")[2] for start in desk.started] == ["    ", "    w"]


def test_type_through_touches_no_engine() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    for typed in "return":
        desk.type(typed)
    assert texts(desk.actions)[-1] == [" sum(items)"]
    assert len(desk.started) == 1


def test_typed_text_may_come_in_several_edits_with_one_request() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    desk.edit("re")
    desk.edit("turn ")
    assert texts(desk.ask()) == [["sum(items)"]]


def test_an_inserted_closer_is_replaced_not_doubled() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    desk.edit("return sum")
    (answer,) = [action for action in desk.type("(", ahead=")") if isinstance(action, Answer)]
    assert answer.suggestions is not None
    assert answer.suggestions[0][:2] == ("items)", 1)
    assert len(desk.started) == 1


def test_a_closer_that_is_typed_over_counts_as_typed() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items) + 1")
    desk.end()
    desk.edit("return sum")
    desk.edit("(", ahead=")")
    desk.edit("items")
    spot = desk.spot
    desk.spot = Spot(spot.document, spot.line, spot.column + 1)
    assert texts(desk.ask()) == [[" + 1"]]


@pytest.mark.parametrize(("indent", "shown"), [("        ", "count(item)"), ("    ", "    count(item)"), ("", None)])
def test_the_editor_indents_after_enter(indent: str, shown: str | None) -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("for item in items:\n        count(item)\n")
    desk.end()
    desk.edit("for item in items:")
    answers = texts(desk.type("\n" + indent))
    assert answers == [[shown if shown is not None else "        count(item)"]]


def test_a_blank_line_that_the_editor_indents_is_still_blank() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n\n    b = 2\n")
    desk.end()
    desk.edit("a = 1")
    assert texts(desk.type("\n    ")) == [["\n    b = 2"]]
    assert texts(desk.type("\n    ")) == [["b = 2"]]


def test_a_line_that_the_editor_indents_deeper_is_another_place() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n    b = 2\n")
    desk.end()
    desk.edit("a = 1")
    assert texts(desk.type("\n            ")) == []


# -------------------------------------------------------------------------------------------------- cancel, supersede


def test_cancelled_requests_leave_the_generation_for_the_next() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.do(desk.session.abandoned(desk.id, desk.now))
    assert desk.stopped == []
    desk.type("re")
    assert texts(desk.engine("return 1\n")) == [["turn 1"]]


def test_a_generation_that_nobody_wants_ends() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.do(desk.session.abandoned(desk.id, desk.now))
    assert Stop(1) in desk.wait(ORPHANED + 0.1)


def test_an_older_request_is_answered_with_nothing_new() -> None:
    desk = Desk(FRESH)
    desk.ask()
    assert texts(desk.ask()) == [None]
    assert len(desk.started) == 1


def test_closing_ends_everything() -> None:
    desk = Desk(FRESH)
    desk.ask()
    actions = desk.do(desk.session.closed())
    assert texts(actions) == [None]
    assert Stop(1) in actions
    assert desk.session.next_wake is None


# ------------------------------------------------------------------------------------------------------------- memory


def test_a_suggestion_is_found_again_after_undo_and_detour() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    desk.type("x")
    desk.end()
    assert texts(desk.type("", removed=1))[-1] == ["return sum(items)"]
    home = desk.spot
    desk.spot = Spot(home.document, 4, 8)
    desk.do(desk.session.moved(desk.spot, desk.now))
    desk.spot = home
    assert texts(desk.ask())[-1] == ["return sum(items)"]


def test_a_suggestion_is_not_for_the_place_before_what_it_goes_on_with() -> None:
    desk = Desk("def total(items):\n    re‸\n")
    desk.ask()
    desk.engine("turn sum(items)\n")
    desk.end()
    assert texts(desk.type("", removed=1)) == []
    assert texts(desk.type("e")) == [None, ["turn sum(items)"]]


def test_indentation_counts() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    assert texts(desk.type("", removed=4)) == []
    assert len(desk.started) == 2


def test_edits_elsewhere_do_not_lose_it() -> None:
    desk = Desk("import os\n\n\n\n\n\n\n\n\n\n" + FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    change = Change(Range(Position(1, 0), Position(1, 0)), "import re\nimport sys\n")
    document = desk.spot.document.apply([change], PositionEncoding.UTF32, 2)
    desk.do(desk.session.edited(document, [change], None, desk.now))
    desk.spot = Spot(document, desk.spot.line + 2, desk.spot.column)
    assert texts(desk.ask()) == [["return sum(items)"]]


def test_edits_at_several_carets_leave_what_still_reads_the_same() -> None:
    desk = Desk("import os\n\n\n\n\n\n\n\n\n\n" + FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    line, column = desk.spot.line, desk.spot.column
    here, there = Position(line, column), Position(0, 9)
    changes = [Change(Range(here, here), "re"), Change(Range(there, there), "re")]
    document = desk.spot.document.apply(changes, PositionEncoding.UTF32, 2)
    # The last of the edits was far above, so that is where the caret seems to be.
    desk.do(desk.session.edited(document, changes, Spot(document, 0, 11), desk.now))
    desk.spot = Spot(document, line, column + 2)
    assert texts(desk.ask()) == [["turn sum(items)"]]
    assert len(desk.started) == 1


def test_a_document_sent_whole_is_typed_in_all_the_same() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    whole = Document.from_text("file:///a.py", "python", 2, desk.spot.document.text.replace("    \n", "    ret\n"))
    desk.do(desk.session.edited(whole, [Change(None, whole.text)], None, desk.now))
    desk.spot = Spot(whole, desk.spot.line, desk.spot.column + 3)
    assert texts(desk.ask()) == [["urn sum(items)"]]
    assert len(desk.started) == 1


def test_a_generation_outlives_a_document_sent_whole() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return")
    whole = Document.from_text("file:///a.py", "python", 2, desk.spot.document.text.replace("    \n", "    ret\n"))
    desk.do(desk.session.edited(whole, [Change(None, whole.text)], None, desk.now))
    desk.spot = Spot(whole, desk.spot.line, desk.spot.column + 3)
    desk.ask()
    assert texts(desk.engine(" sum(items)\n")) == [["urn sum(items)"]]
    assert desk.stopped == []


def test_an_accepted_text_is_looked_up_although_the_caret_is_lost() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)")
    desk.end()
    desk.edit("return sum(items)")
    whole = desk.spot.document
    desk.do(desk.session.edited(whole, [Change(None, whole.text)], None, desk.now))
    desk.wait(40)
    desk.ask()
    desk.wait(1)
    assert Outcome.KEPT in desk.outcomes()


# ---------------------------------------------------------------------------------------------------------- streaming


def test_lines_stream_whole_and_the_answer_is_the_last_state() -> None:
    desk = Desk(FRESH)
    desk.ask(streaming=True)
    desk.engine("for item in items:\n        count(i")
    desk.engine("tem)\n        more(item)\n")
    grown = [action.suggestions[0].text for action in desk.actions if isinstance(action, Grow)]
    assert grown == ["for item in items:", "for item in items:\n        count(item)\n        more(item)"]
    assert texts(desk.end()) == [[grown[-1]]]


def test_an_answer_cut_at_its_most_tokens_ends_with_a_whole_line() -> None:
    desk = Desk(FRESH)
    desk.ask(streaming=True)
    desk.engine("for item in items:\n        count(it")
    assert texts(desk.end(reason="length")) == [["for item in items:"]]


def test_an_engine_that_fails_leaves_whole_lines_only() -> None:
    desk = Desk(FRESH)
    desk.ask(streaming=True)
    desk.engine("for item in items:\n        count(it")
    assert texts(desk.do(desk.session.failed(1, desk.now))) == [["for item in items:"]]
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("for it")
    assert texts(desk.do(desk.session.failed(1, desk.now))) == [None]


# ------------------------------------------------------------------------------------------------- retry, candidates


def test_an_answer_that_copies_the_suffix_is_asked_again_without_it() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("\ndef other():\n    pass\n")
    if desk.session.running == (1,):
        desk.end()
    assert desk.started[-1].body.layout == "prefix"
    assert desk.started[-1].body.suffix == ""
    assert texts(desk.engine("return 1\n")) == [["return 1"]]


def test_the_second_try_is_the_last() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.end()
    desk.end()
    assert texts(desk.actions) == [[]]
    assert len(desk.started) == 2


def test_an_explicit_request_gets_several_candidates() -> None:
    desk = Desk(FRESH, candidates=3)
    desk.ask(invoked=True)
    desk.engine("return 1\n")
    desk.end()
    assert texts(desk.actions) == []
    desk.engine("return 2\n")
    desk.end()
    desk.engine("return 2\n")
    desk.end()
    desk.engine("return 3\n")
    assert texts(desk.end()) == [["return 1", "return 2", "return 3"]]
    assert {start.body.seed for start in desk.started} == {None, 1, 2, 3}
    assert all(start.body.temperature > 0 for start in desk.started[1:])


def test_candidates_that_take_long_are_not_waited_for() -> None:
    desk = Desk(FRESH, candidates=3)
    desk.ask(invoked=True)
    desk.engine("return 1\n")
    desk.end()
    assert texts(desk.wait(5)) == [["return 1"]]
    assert desk.session.running == ()


def test_a_candidate_that_fails_takes_none_of_the_others_along() -> None:
    desk = Desk(FRESH, candidates=2)
    desk.ask(invoked=True)
    desk.engine("return 1\n")
    assert texts(desk.end()) == []
    assert texts(desk.do(desk.session.failed(2, desk.now))) == []
    assert texts(desk.do(desk.session.failed(3, desk.now))) == [["return 1"]]


def test_candidates_that_nobody_waits_for_any_more_are_not_made() -> None:
    desk = Desk(FRESH)
    desk.ask(invoked=True)
    desk.engine("return 1\n")
    desk.end()
    desk.do(desk.session.abandoned(desk.id, desk.now))
    assert Stop(2) in desk.wait(ORPHANED + 0.1)


def test_a_client_that_streams_sees_the_second_try_only() -> None:
    desk = Desk(FRESH)
    desk.ask(streaming=True)
    desk.engine("\ndef other():\n    pass\n")
    assert (desk.stopped, desk.session.running) == ([1], (2,))
    assert [action for action in desk.actions if isinstance(action, Grow)] == []
    desk.engine("for item in items:\n        count(item)\n")
    desk.engine("        more(item)\n")
    answered = texts(desk.end())
    grown = [action.suggestions[0].text for action in desk.actions if isinstance(action, Grow)]
    assert grown
    assert answered[0] is not None
    assert answered[0][0].startswith(grown[-1])


# ----------------------------------------------------------------------------------------------------- before the key


def test_what_follows_is_prefetched_while_a_suggestion_is_read() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n")
    desk.end()
    desk.wait(READING + 0.05)
    body = desk.started[-1].body
    assert (body.lane, (body.prefix + body.begun)[-5:]) == (Lane.BACKGROUND, "a = 1")
    desk.engine("\n    return a\n")
    desk.end()
    count = len(desk.started)
    assert texts(desk.type("a = 1")) == [["\n    return a"]]
    assert len(desk.started) == count
    assert Outcome.ACCEPTED in desk.outcomes()


def test_a_prefetch_that_still_runs_is_kept_when_its_suggestion_is_accepted() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n")
    desk.end()
    desk.wait(READING + 0.05)
    desk.type("a = 1")
    assert texts(desk.engine("\n    return a\n")) == [["\n    return a"]]
    assert desk.stopped == []


def test_a_prefetch_that_the_host_had_no_time_for_is_asked_anew() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n")
    desk.end()
    desk.wait(READING + 0.05)
    desk.engine("\n    ret")
    desk.end(reason="cancelled")
    count = len(desk.started)
    assert texts(desk.type("a = 1")) == []
    assert len(desk.started) == count + 1
    assert desk.started[-1].body.lane is Lane.INLINE


def test_a_prefetch_goes_when_something_else_is_typed() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("a = 1\n")
    desk.end()
    desk.wait(READING + 0.05)
    assert Stop(2) in desk.edit("b")


def test_a_resting_caret_is_prefilled_for_and_the_next_key_stops_that() -> None:
    desk = Desk("x = 1\n" * 300 + FRESH, speed=Speed(prefill=100, decode=30, overhead=0.05))
    actions = desk.do(desk.session.moved(desk.spot, desk.now))
    (start,) = [action for action in actions if isinstance(action, Start)]
    assert (start.body.lane, start.body.max_tokens) == (Lane.BACKGROUND, 0)
    assert Stop(start.generation) in desk.edit("r")


# ---------------------------------------------------------------------------------------------- budget and quietness


def test_a_prompt_that_would_be_late_is_shortened_and_the_answer_says_so() -> None:
    desk = Desk("value = compute(1)\n" * 300 + FRESH, speed=Speed(prefill=100, decode=100, overhead=0.05))
    desk.ask()
    desk.wait(1)
    main = desk.started[-1].body
    assert main.max_tokens > 0
    assert len(main.prefix) < 800
    (answer,) = [action for action in desk.engine("return 1\n") if isinstance(action, Answer)]
    assert any("prefix" in phrase for phrase in answer.gave_up)


def test_a_late_first_line_waits_for_a_pause_and_a_key_in_between_starts_the_wait_anew() -> None:
    desk = Desk(FRESH, speed=Speed(prefill=1000, decode=10, overhead=0.05))
    desk.ask()
    assert [start for start in desk.started if start.body.max_tokens] == []
    desk.type("r", wait=0.1)
    desk.type("e", wait=0.1)
    assert [start for start in desk.started if start.body.max_tokens] == []
    desk.wait(1.0)
    (start,) = [start for start in desk.started if start.body.max_tokens]
    assert start.body.prefix.endswith("    re")


@pytest.mark.parametrize("text", ["x = na‸me\n", "x = f(1)‸\n", "x = [1]‸\n"])
def test_quiet_places_get_nothing_unless_asked(text: str) -> None:
    desk = Desk(text)
    assert texts(desk.ask()) == [[]]
    assert desk.started == []
    desk.ask(invoked=True)
    assert len(desk.started) == 1


def test_comments_are_quiet_when_set_so() -> None:
    assert Desk("# a word ‸\nx = 1\n").ask() != []
    quiet = Desk("# a word ‸\nx = 1\n", comments=False)
    assert texts(quiet.ask()) == [[]]
    assert quiet.started == []


def test_after_two_rejections_on_a_line_a_pause_is_waited_for() -> None:
    desk = Desk(FRESH)
    desk.ask()
    for key, answer in (("x", "return 1\n"), ("y", " = 1\n")):
        desk.engine(answer)
        desk.end()
        desk.type(key, wait=0.6)
    assert desk.outcomes().count(Outcome.REJECTED) == 2
    count = len(desk.started)
    desk.type("z")
    assert [start for start in desk.started[count:] if start.body.lane is Lane.INLINE] == []
    desk.wait(1)
    assert desk.started[-1].body.lane is Lane.INLINE


# --------------------------------------------------------------------------------------------------------- the record


def test_the_life_of_a_suggestion_is_told() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.now += 0.2
    desk.engine("return sum(items)\n")
    desk.end()
    desk.type("return ")
    desk.type("sum(items)")
    desk.wait(200)
    moments = [action.moment for action in desk.actions if isinstance(action, Note)]
    assert [moment.outcome for moment in moments[:3]] == [
        Outcome.SHOWN,
        Outcome.PARTIALLY_ACCEPTED,
        Outcome.ACCEPTED,
    ]
    assert moments[0].waited_ms == pytest.approx(200)
    kept = [(moment.after_s, moment.share) for moment in moments if moment.outcome is Outcome.KEPT]
    assert sorted(kept) == [(30.0, 1.0), (30.0, 1.0), (180.0, 1.0), (180.0, 1.0)]


def test_accepted_text_that_is_deleted_was_not_kept() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.engine("return sum(items)\n")
    desk.end()
    desk.type("return sum(items)")
    desk.edit("", removed=len("return sum(items)"))
    desk.wait(31)
    assert [a.moment.share for a in desk.actions if isinstance(a, Note) and a.moment.outcome is Outcome.KEPT] == [0.0]


# -------------------------------------------------------------------------------------------------------- reused work


def test_typing_appends_to_the_prompt_in_every_order() -> None:
    for text in (FRESH, "def f():\n    x = ‸\n    return x\n"):
        desk = Desk(text)
        prompts = []
        for key in "abc":
            desk.ask()
            desk.wait(0.5)
            body = desk.started[-1].body
            prompts.append((body.layout, body.suffix, body.prefix, body.begun))
            desk.session.progressed(desk.started[-1].generation, ProgressData(processed=50, total=50, reused=0))
            desk.engine("zzz\n")
            desk.end()
            desk.edit(key)
        layouts = {layout for layout, *_ in prompts}
        assert len(layouts) == 1
        assert len({suffix for _, suffix, *_ in prompts}) == 1
        if layouts == {"psm"}:
            assert len({prefix for *_, prefix, _ in prompts}) == 1
            assert [begun for *_, begun in prompts] == ["", "a", "ab"]


def test_who_begins_to_type_elsewhere_unannounced_is_asked_for_in_the_order_of_that_place() -> None:
    desk = Desk("a = \nb = f(‸, c)\nd = 1\n")
    desk.type("x")
    desk.spot = Spot(desk.spot.document, 0, 4)
    desk.type("y", wait=1.0)
    assert [start.body.place for start in desk.started] == [CaretPlace.MID_LINE, CaretPlace.LINE_END]


def test_a_caret_on_its_way_through_the_text_asks_nothing_until_it_rests() -> None:
    desk = Desk("a = 1\nb = 2\nc = 3\nd = 4\n‸\n")
    for line in range(4):
        desk.spot = Spot(desk.spot.document, line, 5)
        desk.ask()
        desk.now += 0.03
    assert len([start for start in desk.started if start.body.max_tokens]) == 1
    desk.wait(0.5)
    assert desk.started[-1].body.prefix.endswith("d = 4")
    assert len([start for start in desk.started if start.body.max_tokens]) == 2


def test_where_nothing_came_nothing_is_asked_again_until_the_text_changes() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.end()
    desk.end()
    assert texts(desk.ask()) == [[]]
    assert len(desk.started) == 2
    desk.type("r")
    assert len(desk.started) == 3
    desk.spot = spot_in(FRESH)
    desk.ask(invoked=True)
    assert len(desk.started) == 4


def test_a_short_prompt_stays_while_someone_types_along_and_the_best_comes_when_they_rest() -> None:
    desk = Desk("value = compute(1)\n" * 300 + FRESH, speed=Speed(prefill=600, decode=200, overhead=0.01))
    desk.ask()
    short = len(desk.started[0].body.prefix)
    for key in "abc":
        desk.session.progressed(desk.started[-1].generation, ProgressData(processed=200, total=200, reused=0))
        desk.engine("zzz\n")
        desk.end()
        # By now another prompt could be due in time, but what is typed along with costs next to nothing.
        desk.session._speed.prefill = 3000
        desk.type(key)
    assert [len(start.body.prefix) - short for start in desk.started if start.body.max_tokens] == [0, 1, 2, 3]
    desk.engine("zzz\n")
    desk.end()
    desk.session._speed.prefill = 600
    desk.wait(2)
    assert len(desk.started[-1].body.prefix) - len("abc") > short


def test_a_line_where_a_second_try_came_to_nothing_gets_no_more_of_them() -> None:
    desk = Desk(FRESH)
    desk.ask()
    desk.end()
    desk.end()
    desk.type("a")
    desk.end()
    assert [start.body.layout for start in desk.started] == ["spm", "prefix", "spm"]
    desk.type("\n    ")
    desk.end()
    assert [start.body.layout for start in desk.started][3:] == ["spm", "prefix"]


# ---------------------------------------------------------------------------------------------- code of other files


ONE = Snippet(path="lib/one.py", text="def one(a: int) -> int: ...\n" * 6)
TWO = Snippet(path="lib/two.py", text="def two(b: str) -> str: ...\n" * 6)


def test_the_model_is_shown_code_of_other_files() -> None:
    desk = Desk(FRESH)
    desk.do(desk.session.show([ONE], desk.now))
    desk.ask()
    assert desk.started[0].body.snippets == (ONE,)


def test_a_prefill_that_is_out_of_date_is_replaced() -> None:
    desk = Desk("value = compute(1)\n" * 20 + FRESH)
    desk.do(desk.session.moved(desk.spot, desk.now))
    assert desk.started[0].body.max_tokens == 0
    desk.do(desk.session.show([ONE], desk.now))
    assert desk.stopped == [desk.started[0].generation]
    assert desk.started[1].body.snippets == (ONE,)


def test_what_comes_while_someone_waits_disturbs_nothing() -> None:
    desk = Desk(FRESH)
    desk.ask()
    assert desk.do(desk.session.show([ONE], desk.now)) == []
    assert texts(desk.engine("for item in items:\n        count(")) == [["for item in items:"]]


def test_what_comes_later_is_prefilled_while_the_caret_rests() -> None:
    desk = Desk(FRESH, prefetch=False)
    desk.ask()
    desk.engine("for item in items:\n        count(")
    desk.end()
    desk.do(desk.session.show([ONE], desk.now))
    desk.wait(2.0)
    assert desk.started[-1].body.lane is Lane.BACKGROUND
    assert desk.started[-1].body.snippets == (ONE,)


def test_what_was_made_of_banned_code_is_not_shown_again() -> None:
    desk = Desk(FRESH)
    desk.do(desk.session.show([ONE, TWO], desk.now))
    desk.ask()
    desk.engine("one(1)\n")
    desk.end()
    assert texts(desk.ask()) == [["one(1)"]]
    desk.do(desk.session.withdraw(lambda it: it != ONE, desk.now))
    desk.now += 1
    assert texts(desk.ask()) == []
    assert desk.started[-1].body.snippets == (TWO,)


def test_a_ban_stops_what_is_being_made_and_who_waits_gets_another_answer() -> None:
    desk = Desk(FRESH)
    desk.do(desk.session.show([ONE], desk.now))
    desk.ask()
    desk.engine("one(")
    desk.do(desk.session.withdraw(lambda it: False, desk.now))
    assert desk.stopped == [desk.started[0].generation]
    assert desk.started[1].body.snippets == ()
    desk.engine("two()\n")
    desk.end()
    assert texts(desk.actions) == [["two()"]]


def test_a_ban_of_what_was_never_shown_disturbs_nothing() -> None:
    desk = Desk(FRESH)
    desk.do(desk.session.show([TWO], desk.now))
    desk.ask()
    assert desk.do(desk.session.withdraw(lambda it: it != ONE, desk.now)) == []


def test_another_reason_for_the_same_text_disturbs_nothing() -> None:
    desk = Desk("value = compute(1)\n" * 20 + FRESH)
    desk.do(desk.session.show([ONE], desk.now))
    desk.do(desk.session.moved(desk.spot, desk.now))
    later = msgspec.structs.replace(ONE, reason="edited 9 s ago", score=0.3)
    assert desk.do(desk.session.show([later], desk.now)) == []
    assert desk.stopped == []
