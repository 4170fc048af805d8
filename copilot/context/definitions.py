"""What the names near a caret are: the definitions of other files that they most likely mean.

A name may be defined in many places. What the document imports comes first, then members of the types that its
variables were made of, then the same folder, and last of all a name that only one place has.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from copilot.context.candidates import Candidate, Source
from copilot.context.imported import Imported
from copilot.context.near import UNNAMED, Name, Near, lines_with, scope_of
from copilot.context.shapes import CHARACTERS, shape
from copilot.context.view import DEFINITIONS, TYPES, View
from copilot.index.rows import SymbolRow

NAMES = 24
"""Names near the caret that are looked up."""

_NEAR_CHARACTERS = 12_000
_EACH = 2
"""Definitions that are shown of one name."""

_FEW_CHARACTERS = 280
_BEHIND_CHARACTERS = 900
"""Of a type whose member is being written: the next name is one of these."""

_ONLY = 0.9
"""How certain it is of which type a receiver is, where one place defines a type of that name."""

_ANCESTORS = 3
_MAKERS = 2
_CALL, _BEGUN = 1.5, 1.6
_CAMEL = re.compile(r"[A-Z][A-Za-z0-9_]*")
_DECLARED = re.compile(r"\b([A-Za-z_]\w*)\s*:\s*([^=,)\n]+)")
_MADE = re.compile(
    r"\b([A-Za-z_]\w*)\s*(?::[^=\n]*)?:?=\s*(?:await\s+|new\s+|&)?([A-Za-z_][\w.:]*?)(?:::new|\.new|New)?\s*[({<]"
)
_TYPED = re.compile(r"\b([A-Z]\w*)(?:<[^<>;\n]*>)?\s*[&*]*\s+([A-Za-z_]\w*)\s*[=;,)]")
_RETURNS = re.compile(r"(?:->|\)\s*:)\s*([^{;]+)")
_WITHOUT_IMPORT = frozenset({"go", "java", "c", "cpp", "cuda-cpp", "csharp", "ruby", "kotlin", "swift"})
_OWN = re.compile(
    r"\b(?:def|class|function|func|fn|struct|interface|trait|enum|type|const|let|var|macro_rules!)\s+"
    r"(?:\([^)]*\)\s*)?([A-Za-z_$][\w$]*)"
)
_ASSIGNED = re.compile(r"^\s*([A-Za-z_]\w*)\s*(?::[^=\n]*)?=[^=]", re.MULTILINE)


class Found(NamedTuple):
    """``certainty``: from 0 to 1, that ``row`` is what is meant."""

    row: SymbolRow
    certainty: float


def definitions(view: View, near: Near) -> Iterator[Candidate]:
    names = [name for name in near.names if not name.name.startswith("__")]
    own = frozenset().union(*map(own_names, _around(view)))
    bag = {name.name for name in names}
    wanted: dict[tuple[str, str], tuple[Name, float]] = {}
    if near.call is not None:
        wanted[(near.call.receiver, near.call.name)] = (near.call, _CALL)
    for name in names:
        if len(wanted) >= NAMES:
            break
        if name.receiver or name.name not in own or name.name in view.imports.names:
            weight = 0.3 + 0.6 * name.weight
            if name.receiver and not name.called:
                weight /= 2
            if not name.receiver and (not name.name[:1].isupper() or name.name.isupper()):
                # How a function is called can be seen where it is, and what a constant is matters little.
                weight *= 0.4 if name.name.isupper() else 0.6
            wanted.setdefault((name.receiver, name.name), (name, weight))
    for name, weight in wanted.values():
        for found in current(meant(name, view, near), view, _EACH):
            yield from _candidates(found, weight, _where(name, near), view, bag)
    yield from _begun(view, near, bag)


def _around(view: View) -> tuple[str, str, str]:
    """The text above the caret's line, the line, and the text below, as far as it is near enough to be searched.

    The first and the last stay the same while someone types in the line.
    """
    text = view.question.text
    start = view.caret - view.question.column
    end = text.find("\n", start)
    end = len(text) if end < 0 else end
    return text[max(0, start - _NEAR_CHARACTERS) : start], text[start:end], text[end : end + _NEAR_CHARACTERS]


def current(found: Sequence[Found], view: View, most: int) -> Iterator[Found]:
    """Those that are still so and may be shown, of the first ``most``."""
    for it in found[:most]:
        row = view.current(it.row)
        if row is not None:
            yield Found(row, it.certainty)


@lru_cache(maxsize=16)
def own_names(text: str) -> frozenset[str]:
    """What a text defines itself, as far as that can be seen without parsing it."""
    return frozenset(_OWN.findall(text)) | frozenset(_ASSIGNED.findall(text))


def meant(name: Name, view: View, near: Near) -> list[Found]:
    """The definitions that ``name`` may mean, most likely first."""
    imports = view.imports
    if (name.name in imports.foreign and not name.receiver) or name.receiver in imports.foreign:
        return []
    imported = imports.names.get(name.name) if not name.receiver else None
    if imported is not None:
        return _imported(imported, view)
    module = imports.names.get(name.receiver)
    if module is not None:
        found = _of_module(module, name.name, view)
        if found:
            return found
    rows = view.definitions(name.name)
    common = len(rows) >= DEFINITIONS
    if name.receiver:
        return _members(name, rows, view, near, common=common)
    return _bare(rows, view, common=common)


def _imported(imported: Imported, view: View) -> list[Found]:
    if not imported.name:
        return []
    found = [
        Found(row, 1.0) for path in imported.paths[:2] for row in _named(path, imported.name, view) if not row.scope
    ]
    if found:
        return found[:1]
    # A package that passes on what its modules define.
    rows = [row for row in view.definitions(imported.name) if not row.scope]
    folders = tuple(path[: path.rfind("/") + 1] for path in imported.paths)
    inside = [row for row in rows if row.path.startswith(folders)]
    return [Found(row, 0.9 if len(inside) == 1 else 0.6) for row in inside] or _alone(rows, 0.6)


def _named(path: str, name: str, view: View) -> Sequence[SymbolRow]:
    return view.symbols(path).by_name.get(name, ())


def _of_module(module: Imported, name: str, view: View) -> list[Found]:
    if not module.name:
        return [Found(row, 1.0) for path in module.paths for row in _named(path, name, view) if not row.scope][:1]
    # A class that was imported: a member of it.
    return [
        Found(row, 1.0)
        for path in {it.row.path: None for it in _imported(module, view)}
        for row in _named(path, name, view)
        if row.scope.rpartition(".")[2] == module.name
    ][:1]


def _members(name: Name, rows: Sequence[SymbolRow], view: View, near: Near, *, common: bool) -> list[Found]:
    inside = [row for row in rows if row.scope]
    if not inside:
        return []
    types = _types_of(name.receiver, view, near)
    typed = [Found(row, 0.95) for row in inside if row.scope.rpartition(".")[2] in types]
    if typed:
        return typed
    known = view.imports.names
    used = [row for row in inside if row.scope.rpartition(".")[2] in known]
    if used:
        return [Found(row, 0.8 / len(used) ** 0.5) for row in used]
    near_by = [row for row in inside if row.path in view.imports.paths]
    if near_by:
        return [Found(row, 0.65 / len(near_by) ** 0.5) for row in near_by]
    return [] if common else _alone(inside, 0.5)


def _bare(rows: Sequence[SymbolRow], view: View, *, common: bool) -> list[Found]:
    top = [row for row in rows if not row.scope or row.kind in TYPES]
    starred = [row for row in top if row.path in view.imports.everything]
    if starred:
        return [Found(row, 0.95) for row in starred]
    folder = view.question.path.rpartition("/")[0]
    if view.question.language in _WITHOUT_IMPORT:
        here = [row for row in top if row.path.rpartition("/")[0] == folder]
        if here:
            return [Found(row, 0.9 / len(here) ** 0.5) for row in here]
    return [] if common else _alone(top, 0.45)


def _alone(rows: Sequence[SymbolRow], certainty: float) -> list[Found]:
    """A name that few places define."""
    return [Found(row, certainty / len(rows)) for row in rows] if len(rows) <= 3 else []


def _types_of(receiver: str, view: View, near: Near) -> frozenset[str]:
    known = view.types.get(receiver)
    if known is None:
        text = "".join(_around(view))
        # What makes it may be a member of itself.
        known = view.types[receiver] = types_of(receiver, text, near)
        for maker in makers_of(receiver, text)[-_MAKERS:]:
            for found in current(meant(maker, view, near), view, 1):
                returned = _RETURNS.search(found.row.signature)
                known |= frozenset(_CAMEL.findall(returned[1]) if returned is not None else ())
        view.types[receiver] = known
    return known


def types_of(receiver: str, text: str, near: Near) -> frozenset[str]:
    """The types that a variable may have, by what it was assigned or declared as."""
    if receiver in ("self", "this", "cls", "super", "Self"):
        return frozenset(base for scope in near.scopes if scope.is_type for base in (scope.name, *scope.bases))
    if not receiver or receiver == UNNAMED:
        return frozenset()
    found: set[str] = set()
    text = lines_with(receiver, text)
    for name, declared in _DECLARED.findall(text):
        if name == receiver:
            found.update(_CAMEL.findall(declared))
    for name, made in _MADE.findall(text):
        if name == receiver:
            # What a class makes of itself, as in `Table.grid()`, is mostly one.
            parts = re.split(r"[.:]+", made)
            found.add(next((part for part in reversed(parts) if part[:1].isupper()), parts[-1]))
    found.update(kind for kind, name in _TYPED.findall(text) if name == receiver)
    return frozenset(found)


def makers_of(receiver: str, text: str) -> list[Name]:
    """The functions whose results a variable was assigned."""
    if not receiver or receiver == UNNAMED:
        return []
    found = []
    for name, made in _MADE.findall(lines_with(receiver, text)):
        parts = re.split(r"[.:]+", made)
        if name == receiver and not any(part[:1].isupper() for part in parts):
            found.append(Name(parts[-1], 1.0, 0, parts[-2] if len(parts) > 1 else "", True))
    return found


def _begun(view: View, near: Near, bag: set[str]) -> Iterator[Candidate]:
    """Behind a dot: what the receiver offers. In the middle of a name: imported names that begin so."""
    imports = view.imports
    if near.receiver:
        module = imports.names.get(near.receiver)
        if module is not None and not module.name:
            return  # The outline of the module is what the imports give.
        # The receiver may be a type itself.
        for kind in sorted(_types_of(near.receiver, view, near) | ({near.receiver} if module is not None else set())):
            possible = meant(Name(kind, 1.0, 0), view, near)
            for found in current(possible, view, 1):
                if found.row.kind in TYPES:
                    certainty = found.certainty if len(possible) > 1 else max(_ONLY, found.certainty)
                    yield from _offered(found._replace(certainty=certainty), near.receiver, kind, view, bag)
    elif len(near.begun) >= 2:
        for here, imported in imports.names.items():
            if here.startswith(near.begun) and imported.name:
                for found in current(_imported(imported, view), view, 1):
                    yield from _candidates(found, _BEGUN, f"begins with `{near.begun}`, imported", view, bag)


def _offered(found: Found, receiver: str, kind: str, view: View, bag: set[str]) -> Iterator[Candidate]:
    """The members of a type, and those that it inherits."""
    rows = [found.row]
    for row in rows:
        scope = scope_of(row.signature.replace("\n", " ")) if len(rows) <= _ANCESTORS else None
        for name in scope.bases if scope is not None else ():
            base = _base(name, row, view)
            if base is not None and base not in rows:
                rows.append(base)
    characters = _BEHIND_CHARACTERS // len(rows)
    for row in rows:
        shown = shape(row, view, bag, characters)
        if shown is not None:
            what = f"`{receiver}` is a `{kind}`" if receiver != kind else "a member of which is written"
            reason = f"defines `{row.name}`, {what}" + ("" if row is found.row else " and that one of these")
            yield Candidate(row.path, *shown, Source.DEFINITION, found.certainty * _BEGUN, reason)


def _base(name: str, row: SymbolRow, view: View) -> "SymbolRow | None":
    """The type ``name`` as the file of ``row`` means it."""
    same = [it for it in view.symbols(row.path).by_name.get(name, ()) if it.kind in TYPES]
    rows = same or [it for it in view.definitions(name) if it.kind in TYPES]
    return view.current(rows[0]) if len(rows) == 1 else None


def _candidates(found: Found, weight: float, where: str, view: View, bag: set[str]) -> Iterator[Candidate]:
    row = found.row
    reason = f"defines `{row.name}`, {where}"
    if row.scope and weight < _CALL:
        # With the others of its type, one of which may well be the next.
        row = view.enclosing(row) or row
    shown = shape(row, view, bag, CHARACTERS if weight >= _CALL else _FEW_CHARACTERS)
    if shown is not None:
        yield Candidate(row.path, *shown, Source.DEFINITION, found.certainty * weight, reason)


def _where(name: Name, near: Near) -> str:
    verb = "called" if name.called else "used"
    if near.call is not None and name.name == near.call.name and name.receiver == near.call.receiver:
        return "which is being called"
    if name.lines == 0:
        return f"{verb} on this line"
    count, direction = abs(name.lines), "above" if name.lines > 0 else "below"
    return f"{verb} {count} line{'s' if count > 1 else ''} {direction}"
