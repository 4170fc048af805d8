import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from copilot.completion.brackets import Reading, read, reading_at_caret, strays
from copilot.completion.echo import is_trivial
from copilot.completion.lexis import CLOSER_OF, CLOSERS, lexis_of
from copilot.completion.refusal import Refusal
from copilot.completion.trim import Trimmer

CARET = "‸"


class Case(NamedTuple):
    name: str
    code: str
    raw: str
    want: str
    replaced: int = 0
    language: str | None = None

    def trimmer(self, max_lines: int = 12) -> Trimmer:
        prefix, suffix = self.code.split(CARET)
        return Trimmer(prefix, suffix, self.language, max_lines)


CASES = [
    Case(**table)
    for file in sorted(Path(__file__).with_name("cases").glob("*.toml"))
    for table in tomllib.loads(file.read_text(encoding="utf-8"))["case"]
]
by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def trimmed(trimmer: Trimmer, *pieces: str) -> str:
    shown = ""
    for piece in pieces:
        shown += trimmer.feed(piece)
    return shown + trimmer.finish()


@by_name
def test_cases(case: Case) -> None:
    trimmer = case.trimmer()
    assert (trimmed(trimmer, case.raw), trimmer.replaced) == (case.want, case.replaced)


@by_name
def test_character_by_character_is_the_same(case: Case) -> None:
    assert trimmed(case.trimmer(), *case.raw) == case.want


@by_name
def test_what_is_replaced_is_part_of_what_comes(case: Case) -> None:
    """In order, though not in one piece: VS Code shows nothing else (as of ``InlineCompletionItem.range``)."""
    coming = iter(case.want)
    assert all(char in coming for char in case.code.partition(CARET)[2][: case.replaced])


def test_names_of_cases_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES)


def test_a_line_is_shown_as_soon_as_it_is_whole() -> None:
    trimmer = Trimmer("def f():\n    ", "", "python")
    assert trimmer.feed("x = g(1)") == ""
    assert trimmer.feed("\n") == "x = g(1)"
    assert trimmer.feed("    return") == ""
    assert trimmer.feed(" x\n") == "\n    return x"


def test_the_piece_of_a_line_that_the_limit_cut_off_is_dropped() -> None:
    raw = "for item in items:\n        print(item)\n        prin"
    trimmer, cut = (Trimmer("def f():\n    ", "", "python") for _ in range(2))
    assert trimmer.feed(raw) + trimmer.finish() == raw
    assert cut.feed(raw) + cut.finish(cut=True) == raw.removesuffix("\n        prin")
    # A first line is of use even so.
    cut = Trimmer("total = ", "", "python")
    assert cut.feed("sum(item.pri") + cut.finish(cut=True) == "sum(item.pri"


def test_done_as_soon_as_the_statement_is_whole() -> None:
    unfinished, finished = (Trimmer("def f():\n    return ", "\n", "python") for _ in range(2))
    unfinished.feed("1")
    finished.feed("1\n")
    assert (unfinished.done, finished.done) == (False, True)
    assert finished.feed("anything") == ""
    assert finished.finish() == ""


def test_done_when_nothing_comes_behind_the_bracket_that_the_editor_closed() -> None:
    trimmer = Trimmer("print(", ")\n", "python")
    assert trimmer.feed("x)") == ""
    assert not trimmer.done
    assert trimmer.feed("\n") == "x"
    assert trimmer.done


def test_what_is_replaced_is_known_with_the_text() -> None:
    trimmer = Trimmer("x = d[", "]\n", "python")
    assert (trimmer.feed('"key"].get("b")'), trimmer.replaced) == ("", 0)
    assert (trimmer.feed("\n"), trimmer.replaced) == ('"key"].get("b")', 1)


def test_done_at_the_first_letter_of_a_shallower_line() -> None:
    trimmer = Trimmer("def f():\n    ", "", "python")
    assert trimmer.feed("return 1\n\n\nd") == "return 1"
    assert trimmer.done


def test_lines_are_counted_with_the_blank_ones_between() -> None:
    raw = "a = 1\n\n    b = 2\n    c = 3\n"
    assert trimmed(Trimmer("def f():\n    ", "", "python", max_lines=1), raw) == "a = 1"
    assert trimmed(Trimmer("def f():\n    ", "", "python", max_lines=2), raw) == "a = 1"
    assert trimmed(Trimmer("def f():\n    ", "", "python", max_lines=3), raw) == "a = 1\n\n    b = 2"


def test_done_with_the_last_line_there_may_be() -> None:
    trimmer = Trimmer("", "", "python", max_lines=2)
    assert trimmer.feed("a = 1\nb = 2\n") == "a = 1\nb = 2"
    assert trimmer.done


def test_done_at_a_blank_line_after_a_statement_that_might_have_gone_on() -> None:
    trimmer = Trimmer("const x = ", "", "javascript")
    trimmer.feed("f()\n")
    waiting = trimmer.done
    trimmer.feed("\n")
    assert (waiting, trimmer.done) == (False, True)


@pytest.mark.parametrize(
    ("code", "raw", "reason"),
    [
        ("def f():\n    ‸\n", "  \n\n", Refusal.EMPTY),
        ("def f():\n    ‸\n", "", Refusal.EMPTY),
        ("    ‸\n    return parse(text)\n", "return parse(text)\n", Refusal.ECHO),
        ("    self.items.append(item)\n    ‸\n", "self.items.append(item)\n", Refusal.REPETITION),
        ("for line in lines:\n‸\n", "print(line)\n", Refusal.NOT_DEEPER),
        ("def f():\n    if a:\n        b()\n        ‸\n", "else:\n            c()\n", Refusal.OUT_OF_PLACE),
        ("x = (\n    ‸\n)\n", ")\ny = 1\n", Refusal.OUT_OF_PLACE),
        ("x = 1‸\n", "\n```\n\nThe variable is set.", Refusal.DEBRIS),
        ("x = ‸\n", "<|fim_middle|>1", Refusal.DEBRIS),
        ("def ‸\n\nx = 1\n", "f = 1\n", Refusal.UNPARSABLE),
    ],
)
def test_why_nothing_is_shown(code: str, raw: str, reason: Refusal) -> None:
    prefix, suffix = code.split(CARET)
    trimmer = Trimmer(prefix, suffix, "python")
    assert trimmed(trimmer, raw) == ""
    assert trimmer.refused is reason


def test_nothing_is_refused_that_is_shown() -> None:
    trimmer = Trimmer("def f():\n    ", "\n    return parse(text)\n", "python")
    assert trimmer.feed("text = read()\n    return parse(text)\n") == "text = read()"
    assert (trimmer.done, trimmer.refused) == (True, None)


def test_a_line_that_begins_a_block_waits_for_the_next() -> None:
    """It may yet turn out to be a block without an end."""
    trimmer = Trimmer("void f() {\n    ", "\n}\n", "c")
    assert trimmer.feed("if (x) {\n") == ""
    assert trimmer.feed("        g") == "if (x) {"
    assert trimmer.whole == len("if (x) {")


def test_carriage_returns_of_a_model_are_dropped() -> None:
    assert trimmed(Trimmer("", "", "python"), "a = 1\r\nb = 2\r\n") == "a = 1\nb = 2"


def assert_balanced(shown: str, prefix: str, suffix: str, rest: str, language: str | None) -> None:
    """What ``shown`` opens is closed in it or by the ``rest`` of the caret's line."""
    lexis = lexis_of(language)
    reading = reading_at_caret(prefix, suffix, lexis)
    open_before = len(reading.brackets)
    for line in shown.split("\n"):
        reading = read(line, reading, lexis)[0].next_line()
    left_open = "".join(bracket.closer for bracket in reversed(reading.brackets[open_before:]))
    assert strays(rest, Reading(), lexis)[1].startswith(left_open)


# Text made of what the rules look at, so that random text meets them.
_WORDS = ["    ", "\n    ", "\n\n", "x", "x = 1", "return x", "else:", "if x:", "def f(", "foo", ", b)", "end"]
_MARKS = ["```", "<|fim_", "/*", "*/", '"""']
_pieces = st.sampled_from([*"()[]{}\"'`:,;. \t\n#", *_WORDS, *_MARKS])
_text = st.lists(_pieces, max_size=14).map("".join)
_language = st.sampled_from([None, "python", "javascript", "rust", "go", "ruby", "markdown", "html", "shellscript"])


@st.composite
def _chunked(draw: st.DrawFn) -> tuple[str, list[str]]:
    text = draw(_text)
    cuts = sorted(draw(st.sets(st.integers(0, len(text)), max_size=6)))
    return text, [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@settings(max_examples=400)
@given(_text, _text, _language, _chunked())
def test_chunking_changes_nothing(
    prefix: str, suffix: str, language: str | None, chunked: tuple[str, list[str]]
) -> None:
    raw, chunks = chunked
    whole, pieces = Trimmer(prefix, suffix, language), Trimmer(prefix, suffix, language)
    assert trimmed(pieces, *chunks) == trimmed(whole, raw)
    assert (pieces.replaced, pieces.refused) == (whole.replaced, whole.refused)


@settings(max_examples=400)
@given(_text, _text, _language, _text)
@example("(", ")]", None, "[")
def test_what_every_suggestion_is(prefix: str, suffix: str, language: str | None, raw: str) -> None:
    trimmer = Trimmer(prefix, suffix, language)
    shown = trimmed(trimmer, raw)
    rest = suffix.partition("\n")[0]
    assert shown == "" or shown.strip()
    assert len(shown.split("\n")) <= 13
    if trimmer.replaced < len(rest.rstrip()):
        assert_balanced(shown, prefix, suffix, rest[trimmer.replaced :], language)
    else:
        assert shown == shown.rstrip()
    if shown:
        # Nothing is invented: but for white space it is a stretch of what the model wrote.
        assert "".join(shown.split()) in "".join(raw.split())


_PAIRS = ("f(", ")"), ("a[", "]"), ("x = {", "}"), ("f(a[", "]);"), ("if (", ") {"), ("g({", "})")
_code = st.lists(st.sampled_from([*"()[]{}", "x", "y", ", ", ".z", "\n", "\n  ", " => "]), max_size=16).map("".join)


@settings(max_examples=600)
@given(st.sampled_from(_PAIRS), _code, st.sampled_from([None, "javascript", "python", "rust", "java", "c", "go"]))
def test_brackets_that_an_editor_closed_are_never_doubled(
    pair: tuple[str, str], raw: str, language: str | None
) -> None:
    head, rest = pair
    trimmer = Trimmer(head, f"{rest}\n", language)
    shown = trimmed(trimmer, raw)
    for opener, closer in CLOSER_OF.items():
        text, before = shown + rest[trimmer.replaced :], head + rest
        if trimmer.replaced < len(rest):
            assert text.count(closer) - text.count(opener) <= head.count(opener), before
        else:
            # Everything is replaced: what was begun may go on below, but nothing is closed twice.
            assert (head + text).count(closer) <= (head + text).count(opener), before


@settings(max_examples=300)
@given(_text, _text, _language, _text)
def test_the_next_line_is_never_said_before_it_comes(prefix: str, suffix: str, language: str | None, raw: str) -> None:
    trimmer = Trimmer(prefix, suffix, language)
    lines = trimmed(trimmer, raw + suffix).split("\n")
    first, *later = lines
    following = next((line.strip() for line in suffix.split("\n")[1:] if line.strip()), "")
    if following and not is_trivial(following) and following[0] not in CLOSERS:
        assert following not in [line.strip() for line in later]
        # The first one is all that its line becomes.
        assert (first + suffix.partition("\n")[0][trimmer.replaced :]).strip() != following


@settings(max_examples=200)
@given(_text, _text, _language, _text, _text)
def test_more_text_never_takes_anything_back(
    prefix: str, suffix: str, language: str | None, raw: str, more: str
) -> None:
    trimmer = Trimmer(prefix, suffix, language)
    early = trimmer.feed(raw)
    late = trimmer.feed(more)
    whole = Trimmer(prefix, suffix, language)
    assert whole.feed(raw + more) == early + late
    if trimmer.done:
        assert trimmer.finish() == ""


@settings(max_examples=200)
@given(st.text(max_size=60), st.text(max_size=40), _language, st.text(max_size=80))
def test_any_text_at_all_is_survived(prefix: str, suffix: str, language: str | None, raw: str) -> None:
    trimmed(Trimmer(prefix, suffix, language), raw)
