"""Whatever comes, in whatever order: each question is answered once, text never shrinks, nothing is left running."""

from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.completion.actions import Action, Answer, Grow, Start, Stop
from copilot.completion.suggestion import Suggestion
from copilot.text.spot import Spot
from tests.copilot.completion.test_session import FRESH, Desk

PIECES = [
    "r",
    "return",
    " ",
    "sum(items)",
    "\n",
    "\n        ",
    "for item in items:\n        ",
    "f(",
    ")",
    "x = 1\n",
    "é🦀",
]

ANSWERS = [
    "return sum(items)\n",
    "for item in items:\n        count(item)\n        more(item)\n",
    "if items:\n        return 1\n    return 0\n",
    "f(items)\n",
]

events = st.lists(
    st.one_of(
        st.tuples(st.just("type"), st.sampled_from(PIECES)),
        st.tuples(st.just("close a bracket"), st.sampled_from(["(", "["])),
        st.tuples(st.just("take back"), st.integers(1, 3)),
        st.tuples(st.just("ask"), st.sampled_from(["", "invoked", "streaming", "both"])),
        st.tuples(st.just("abandon"), st.none()),
        st.tuples(st.just("move"), st.tuples(st.integers(0, 4), st.integers(0, 8))),
        st.tuples(st.just("text"), st.sampled_from([*PIECES, *ANSWERS])),
        st.tuples(st.just("ask and answer"), st.sampled_from(ANSWERS)),
        st.tuples(st.just("type through"), st.integers(1, 30)),
        st.tuples(st.just("end"), st.sampled_from(["stop", "length", "cancelled"])),
        st.tuples(st.just("fail"), st.none()),
        st.tuples(st.just("wait"), st.sampled_from([0.05, 0.35, 1.0, 40.0])),
    ),
    max_size=40,
)


class Book:
    """Keeps account of what the session decided, and objects."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.running: set[int] = set()
        self.asked: dict[int, Spot] = {}
        self.grown: dict[int, Suggestion] = {}
        self.seen = 0
        self.on_screen = ""

    def check(self) -> None:
        for action in self.desk.actions[self.seen :]:
            self._take(action)
        self.seen = len(self.desk.actions)
        assert set(self.desk.session.running) == self.running

    def _take(self, action: Action) -> None:
        match action:
            case Start():
                assert action.generation not in self.running
                self.running.add(action.generation)
            case Stop():
                self.running.remove(action.generation)
            case Grow():
                self._shown(action.request, action.suggestions)
                self.grown[action.request] = action.suggestions[0]
            case Answer():
                if action.suggestions:
                    self._shown(action.request, action.suggestions)
                del self.asked[action.request]

    def _shown(self, request: int, suggestions: tuple[Suggestion, ...]) -> None:
        spot, before = self.asked[request], self.grown.get(request)
        self.on_screen = suggestions[0].text
        assert len({suggestion.text for suggestion in suggestions}) == len(suggestions)
        for suggestion in suggestions:
            assert suggestion.text.strip()
            assert 0 <= suggestion.replaced <= len(spot.rest)
        assert before is None or suggestions[0].text.startswith(before.text)


@settings(max_examples=200)
@given(events)
def test_whatever_comes(what: list[tuple[str, object]]) -> None:
    desk = Desk(FRESH)
    book = Book(desk)
    for name, value in what:
        generation = max(book.running, default=0)
        desk.now += 0.05
        match name, value:
            case "type", str(text):
                desk.edit(text)
            case "close a bracket", str(text):
                desk.edit(text, ahead={"(": ")", "[": "]"}[text])
            case "take back", int(count):
                desk.edit("", removed=min(count, desk.spot.column))
            case "ask", str(how):
                book.asked[desk.id + 1] = desk.spot
                desk.ask(invoked=how in {"invoked", "both"}, streaming=how in {"streaming", "both"})
            case "abandon", _:
                desk.do(desk.session.abandoned(desk.id, desk.now))
                book.asked.pop(desk.id, None)
            case "move", (int(line), int(column)):
                lines = desk.spot.document.lines
                line = min(line, len(lines) - 1)
                desk.spot = Spot(desk.spot.document, line, min(column, len(lines[line].rstrip("\n"))))
                desk.do(desk.session.moved(desk.spot, desk.now))
            case "text", str(text) if generation:
                desk.engine(text, generation)
            case "ask and answer", str(text):
                book.asked[desk.id + 1] = desk.spot
                desk.ask(streaming=True)
                book.check()
                if book.running:
                    desk.engine(text, max(book.running))
            case "type through", int(count) if book.on_screen:
                desk.edit(book.on_screen[:count])
                book.on_screen = book.on_screen[count:]
            case "end", str(reason) if generation:
                book.running.discard(generation)
                desk.end(generation, reason)
            case "fail", _ if generation:
                book.running.discard(generation)
                desk.do(desk.session.failed(generation, desk.now))
            case "wait", float(seconds):
                desk.wait(seconds)
        book.check()
    desk.do(desk.session.closed())
    book.check()
    assert not book.running
    assert not book.asked
    assert desk.session.next_wake is None
