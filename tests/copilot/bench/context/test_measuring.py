"""Without and with context at the same places, on a host that does what it was told."""

import io

from copilot.bench.context.asking import request_at, without_gold
from copilot.bench.context.measuring import ALL, NONE, Measuring, Result, without
from copilot.bench.context.places import Kind, chosen
from copilot.bench.context.report import examples, groups, retrieval, summaries, tables
from copilot.bench.context.workspace import Workspace
from copilot.completion.framing import ModelFacts
from copilot.config.settings import CompletionSettings
from copilot.context.candidates import Question, Source
from tests.copilot.bench.quality.script import Script

MODEL = ModelFacts({"fresh_line": "spm", "line_end": "psm", "no_suffix": "prefix", "mid_line": "psm"})


async def _results(workspace: Workspace, host: Script, *sources: Source) -> list[Result]:
    measuring = Measuring(host, model=MODEL, settings=CompletionSettings(), sources=sources)
    places = chosen(workspace, {Kind.LINE: 2, Kind.OWN: 1}, 0)
    return [result async for result in measuring.run(workspace, places)]


async def test_the_same_place_without_and_with_other_files(workspace: Workspace) -> None:
    host = Script(["total = surface_of(", "shape)\n", "x"])
    results = await _results(workspace, host)
    crossing = [result for result in results if result.place.kind is Kind.LINE]
    for result in crossing:
        assert {it.path for it in result.snippets} == {"shop/shapes.py"}
        assert result.outcomes[ALL].text == "total = surface_of(shape)"
    bodies = host.bodies[:2]
    assert sorted(bool(body.snippets) for body in bodies) == [False, True]
    assert bodies[0].prefix == bodies[1].prefix
    assert bodies[0].suffix == bodies[1].suffix
    assert {body.layout for body in bodies} == {"spm"}
    assert [bool(body.snippets) for body in host.bodies[:4]] == [True, False, False, True]


async def test_the_answer_is_in_no_prompt(workspace: Workspace) -> None:
    host = Script(["x\n"])
    results = await _results(workspace, host)
    golds = [result.place.gold for result in results]
    prompts = iter(host.bodies)
    for gold, result in zip(golds, results, strict=True):
        for _ in result.outcomes:
            body = next(prompts)
            assert gold not in body.prefix + body.suffix + "".join(it.text for it in body.snippets)


async def test_a_source_that_changes_nothing_is_not_asked_for(workspace: Workspace) -> None:
    host = Script(["x\n"])
    results = await _results(workspace, host, Source.TWIN, Source.DEFINITION, Source.IMPORT)
    first = next(result for result in results if result.place.kind is Kind.LINE)
    assert first.outcomes[without(Source.TWIN)].same
    assert set(first.outcomes) == {NONE, ALL, *(without(it) for it in (Source.TWIN, Source.DEFINITION, Source.IMPORT))}
    own = next(result for result in results if result.place.kind is Kind.OWN)
    assert set(own.outcomes) == {NONE, ALL}


async def test_a_report_of_everything(workspace: Workspace) -> None:
    from rich.console import Console

    results = await _results(workspace, Script(["shape = Square(side)\n"]), Source.DEFINITION)
    console = Console(width=160, file=io.StringIO())
    with console.capture() as capture:
        for table in tables(results):
            console.print(table)
    text = capture.get()
    assert "cross-file names" in text
    assert "without definition" in text
    assert groups(results)[0][0] == "other files"
    found = {(it.group, it.metric): it for it in summaries(results) if it.first == NONE}
    assert found["other files", "cross-file names"].n == 1
    assert set(retrieval(results)) == {"first p50", "first p99", "again p50", "again p99"}
    assert any("Square" in line for line in examples(results, 1))


async def test_a_snippet_that_holds_the_very_line_is_left_out(workspace: Workspace) -> None:
    path, line = "shop/other.py", "shape = Square(side, filled=True)"
    same = f"from shop.shapes import Square\n\n\ndef painted(side):\n    {line}\n    return shape\n"
    (workspace.root / path).write_text(same)
    workspace.add(path)
    places = (it for seed in range(20) for it in chosen(workspace, {Kind.LINE: 9}, seed))
    place = next(it for it in places if it.path == "shop/page.py" and it.gold == line)
    with workspace.without(place.path) as text:
        question = Question(place.path, "python", without_gold(text, place), place.line, place.column)
        assert [it for it in workspace.retriever.complete(question) if line in it.text]
    measuring = Measuring(Script(["x\n"]), model=MODEL, settings=CompletionSettings())
    (result,) = [it async for it in measuring.run(workspace, [place])]
    assert result.snippets
    assert not [it for it in result.snippets if line in it.text]


def test_the_line_is_missing_from_the_document(workspace: Workspace) -> None:
    (place,) = chosen(workspace, {Kind.CALL: 1}, 0)
    with workspace.without(place.path) as text:
        document = without_gold(text, place)
        assert place.gold not in document
        request = request_at(document, place, (), MODEL, CompletionSettings())
    assert (request.prefix + request.begun).endswith(text.split("\n")[place.line][: place.column])
    assert request.layout == "psm"
