"""Write tests for a piece of code, in a file of their own beside it. No I/O but where a function says so."""

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from copilot.chat.fences import candidates
from copilot.chat.fix import INVISIBLE
from copilot.chat.place import Lines, Place
from copilot.chat.proposal import Proposal, replace_lines, whole_file
from copilot.chat.question import Outcome, Turn
from copilot.chat.wording import clipped, conversation, fenced, where, wish
from copilot.safety.invisible import without_invisible
from copilot.syntax.source import Definition, Source
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines

_MOST_LEVELS = 12


class _Usual(NamedTuple):
    """``framework``: what the model is told. ``name``: the test file's, with ``{}`` for that of the code. ``test``:
    what any test has in it. ``grows``: tests may be put behind those in a file that is there."""

    framework: str
    name: str
    test: str
    grows: bool = False


_SCRIPT = r"\b(?:test|it)\s*\("
_USUAL = {
    "python": _Usual("pytest", "test_{}.py", r"^\s*(?:async )?def test", grows=True),
    "javascript": _Usual("Jest", "{}.test.js", _SCRIPT),
    "javascriptreact": _Usual("Jest", "{}.test.jsx", _SCRIPT),
    "typescript": _Usual("Jest", "{}.test.ts", _SCRIPT),
    "typescriptreact": _Usual("Jest", "{}.test.tsx", _SCRIPT),
    "go": _Usual("Go's testing package", "{}_test.go", r"^func Test"),
    "java": _Usual("JUnit 5", "{}Test.java", r"@(?:Parameterized)?Test"),
    "csharp": _Usual("xUnit", "{}Tests.cs", r"\[(?:Fact|Theory)"),
    "cpp": _Usual("GoogleTest", "{}_test.cpp", r"\bTEST(?:_F|_P)?\s*\("),
    "ruby": _Usual("Minitest", "test_{}.rb", r"def test_|^\s*it\s"),
}


class Target(NamedTuple):
    """Where the tests go. ``module``: what tests in Python import; ``text``: of the file, None where there is none."""

    uri: str
    module: str
    text: str | None
    version: int = 0


def test_file(path: Path, language: str) -> Path | None:
    """Beside the code; None where the language has no usual place."""
    usual = _USUAL.get(language)
    return path.with_name(usual.name.format(path.stem)) if usual is not None else None


def module_name(path: Path, exists: Callable[[Path], bool] = Path.exists) -> str:
    """The name under which Python imports ``path``: from the outermost package around it. Looks at the disk."""
    names = [] if path.stem == "__init__" else [path.stem]
    folder = path.parent
    for _ in range(_MOST_LEVELS):
        if not exists(folder / "__init__.py"):
            break
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names)


class UnitTests:
    """``target``: None where the file can't be named or created, so that only the text is given."""

    def __init__(self, place: Place, target: Target | None, wish: str = "") -> None:
        self._place = place
        self._target = target
        self._wish = wish
        self._usual = _USUAL.get(place.language)

    @property
    def title(self) -> str:
        return f"Tests for {self._symbol.name}" if self._symbol is not None else "Tests for the selection"

    @property
    def most_tokens(self) -> int:
        return 900

    @cached_property
    def _symbol(self) -> Definition | None:
        """The outermost definition: a method is tested by way of its class."""
        scopes = self._place.scopes
        return scopes[0] if scopes else self._place.symbol

    def turns(self, room: int) -> list[Turn]:
        place = self._place
        symbol = self._symbol
        code = place.piece if symbol is None else place.text_of(place.lines_of(symbol))
        framework = f" with {self._usual.framework}" if self._usual is not None else ""
        inner = place.symbol
        name = "this code" if symbol is None else f"`{symbol.name}`"
        if inner is not None and symbol is not None and inner is not symbol:
            name = f"`{inner.name}` of {name}"
        imported = ""
        if place.language == "python" and self._target is not None and symbol is not None:
            imported = f"Import it with `from {self._target.module} import {symbol.name}`. "
        return conversation(
            f"Write unit tests{framework} for {name}: a few usual cases and the edges. {imported}"
            "Do not repeat the code that is tested. Reply with one fenced block that holds the whole test file.\n"
            f"{where(place)}\n{fenced(clipped(code, int(room * 0.8)), place.language)}{wish(self._wish)}"
        )

    def read(self, answer: str, *, whole: bool) -> Outcome:
        target, usual = self._target, self._usual
        if usual is None:
            return Outcome(note=f"It is not known where tests of {self._place.language} stand, so add them yourself.")
        if target is None:
            return Outcome(note="A test file can't be created here, so add the tests yourself.")
        if not whole:
            return Outcome(note="The answer broke off, so nothing is proposed.")
        if target.text and not usual.grows:
            return Outcome(note="There is a test file already; take from the answer what you like.")
        note = "The answer holds no tests."
        for block in candidates(answer):
            code = without_invisible(block.code, code=True)
            if not re.search(usual.test, code, re.MULTILINE):
                continue
            proposal, why = self._proposed(code, target)
            if proposal is not None:
                return Outcome(proposal, note=INVISIBLE if code != block.code else "")
            note = why
        return Outcome(note=note)

    def _proposed(self, code: str, target: Target) -> tuple[Proposal | None, str]:
        language = self._place.language
        source = Source.of(code, language)
        if source is not None and source.faults:
            return None, "The tests in the answer do not parse, so nothing is proposed."
        if language == "python" and source is not None and self._symbol is not None:
            code = _importing(source, self._symbol.name, target.module)
            if not re.search(_USUAL["python"].test, code, re.MULTILINE):
                return None, "The answer holds no tests."
        if not target.text or not target.text.strip():
            if target.text is not None:
                document = Document.from_text(target.uri, language, target.version, target.text)
                return replace_lines(document, Lines(0, len(document.lines)), f"{code}\n"), ""
            return whole_file(target.uri, language, f"{code}\n"), ""
        return _appended(code, target, language)


def _appended(code: str, target: Target, language: str) -> tuple[Proposal | None, str]:
    assert target.text is not None
    document = Document.from_text(target.uri, language, target.version, target.text)
    before = Source(to_newlines(target.text), language)
    known = {it.name for it in before.definitions}
    twice = [it.name for it in Source(code, language).definitions if it.name in known]
    if twice:
        return None, f"The test file has {', '.join(twice[:3])} already; take from the answer what you like."
    there = set(before.text.split("\n"))
    # Only statements of one line: others are better said twice than torn.
    imports = re.compile(r"(?:import|from) [\w. ,]+(?: import [\w., ]+)?$")
    lines = [line for line in code.split("\n") if not (imports.match(line) and line in there)]
    count = len(document.lines)
    last = Lines(count - 1, count)
    end = before.text.rstrip("\n")
    blank = len(before.text) - len(end)
    text = before.text.rpartition("\n")[2] + "\n" * max(0, 3 - blank) + "\n".join(lines).strip("\n") + "\n"
    proposal = replace_lines(document, last, text, rests=Lines(0, count))
    if Source(to_newlines(proposal.text), language).faults > before.faults:
        return None, "With the tests in place the file would not parse, so nothing is proposed."
    return proposal, ""


def _importing(source: Source, name: str, module: str) -> str:
    """The tests with the one right import of ``name``, and without a copy of it or an import of our invention."""
    wrong = [(it.start, it.end) for it in source.definitions if it.name == name]
    pattern = rf"^from [\w.]+ import {re.escape(name)}[ \t]*$"
    wrong += [match.span() for match in re.finditer(pattern, source.text, re.MULTILINE)]
    text = source.text
    for start, end in sorted(wrong, reverse=True):
        text = text[:start] + text[end:]
    return (
        f"from {module} import {name}\n\n{text.strip()}"
        if _needs_gap(text)
        else f"from {module} import {name}\n{text.strip()}"
    )


def _needs_gap(text: str) -> bool:
    return not text.lstrip().startswith(("import ", "from "))
