"""Problems through the whole pipeline, on a host that says what it was told."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from copilot.bench.quality.arms import Arm
from copilot.bench.quality.measuring import Measuring
from copilot.bench.quality.problems import Check, Problem, Stratum
from copilot.bench.quality.results import Result, Store
from copilot.config.settings import CompletionSettings
from copilot.context.request import CaretPlace
from tests.copilot.bench.quality.script import Script

ORDER = {"fresh_line": "spm", "line_end": "psm", "mid_line": "psm", "no_suffix": "prefix"}
CHECK = Check("def check(f):\n    assert f(2) == 4\n", "double")
LINE = Problem(
    id="line",
    stratum=Stratum.FRESH_LINE,
    prefix="def double(x):\n",
    gold="    y = x * 2",
    suffix="\n    return y\n",
    one_line=True,
    language="python",
    check=CHECK,
)
RIGHT = ("    y", " = x + x", "\n", "    return y", "\n", "\n", "print(1)")
WRONG = ("    y", " = x", "\n", "    return y", "\n")


def measuring(host: Script, store: Store | None = None, *, execute: bool = True) -> Measuring:
    return Measuring(
        host,
        model="scripted",
        order=ORDER,
        settings=CompletionSettings(),
        store=store or Store(None),
        execute=execute,
        seconds=5.0,
    )


async def measure(
    texts: Sequence[str] | Mapping[str, Sequence[str]],
    problem: Problem = LINE,
    arms: Sequence[Arm] = (Arm(),),
    *,
    execute: bool = True,
) -> list[Result]:
    return [result async for result in measuring(Script(texts), execute=execute).run([problem], arms)]


async def test_suggestion_and_answer_are_scored_side_by_side() -> None:
    (result,) = await measure([*RIGHT, *["more\n"] * 500])
    assert result.final.passed
    assert result.raw.passed
    assert not result.final.exact
    assert (result.final.text, result.suggestion) == ("    y = x + x", "    y = x + x")
    assert result.layout == "spm"
    assert result.place is CaretPlace.FRESH_LINE
    # The model would go on; the answer was read about as far as it counts.
    assert result.answer.startswith("    y = x + x\n")
    assert result.answer.count("more") < 50


async def test_a_wrong_answer_does_not_pass() -> None:
    (result,) = await measure(WRONG)
    assert (result.raw.passed, result.final.passed) == (False, False)
    assert result.final.why == "AssertionError"


async def test_what_trimming_saves_shows() -> None:
    block = Problem(
        id="block",
        stratum=Stratum.BLOCK,
        prefix="def double(x):\n",
        gold="    y = x * 2\n    z = y",
        suffix="\n    return z\n\n\nprint(double(1))\n",
        one_line=False,
        language="python",
        check=CHECK,
    )
    texts = (
        "    y = x * 2\n",
        "    z = y\n",
        "    return z\n",
        "\n\nprint(double(1))\n",
        "raise KeyError\n",
        "```\n",
        "So",
    )
    (result,) = await measure(texts, block)
    assert result.final.passed
    assert result.final.exact
    assert not result.raw.passed
    assert result.raw.flaws.repeated_suffix
    assert not result.final.flaws.repeated_suffix
    assert "So" not in result.answer


async def test_the_orders_ask_differently_about_the_same() -> None:
    arms = [Arm(layout="spm"), Arm(layout="prefix")]
    spm, prefix = await measure({"spm": RIGHT, "prefix": WRONG}, arms=arms)
    assert (spm.layout, spm.final.passed, spm.setup.arm) == ("spm", True, "spm")
    assert (prefix.layout, prefix.final.passed, prefix.setup.arm) == ("prefix", False, "prefix")
    assert (spm.id, spm.digest) == (prefix.id, prefix.digest)


async def test_lengths_reach_the_prompt() -> None:
    long = "".join(f"\n    x += {n}  # and so on and so forth" for n in range(200))
    problem = Problem(
        id="long",
        stratum=Stratum.FRESH_LINE,
        prefix="def double(x):\n",
        gold="    y = x * 2",
        suffix=long,
        one_line=True,
        language="python",
    )
    host = Script(RIGHT)
    arms = [Arm(layout="spm", suffix_tokens=16), Arm(layout="spm", suffix_tokens=64)]
    results = [result async for result in measuring(host).run([problem], arms)]
    short, longer = (len(body.suffix) for body in host.bodies if body.max_tokens)
    assert short < longer
    assert [result.setup.suffix_tokens for result in results] == [16, 64]


async def test_published_holes_go_out_as_they_are_and_have_no_suggestion() -> None:
    problem = Problem(
        id="line",
        stratum=Stratum.PUBLISHED,
        prefix="def double(x):\n",
        gold="    y = x * 2\n",
        suffix="    return y\n",
        one_line=True,
        language="python",
        check=CHECK,
    )
    host = Script(RIGHT)
    (result,) = [result async for result in measuring(host).run([problem], [Arm()])]
    assert (host.bodies[0].prefix, host.bodies[0].suffix) == (problem.prefix, problem.suffix)
    assert result.final.passed
    assert (result.shown, result.suggestion, result.layout) == (None, "", "spm")


async def test_nothing_runs_where_that_is_not_wanted() -> None:
    (result,) = await measure(WRONG, execute=False)
    assert result.final.passed is None
    assert not result.final.right


async def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    problems = [LINE, *(msgspec.structs.replace(LINE, id=name) for name in ("b", "c"))]
    file = tmp_path / "results.jsonl"
    first = measuring(Script(RIGHT), Store(file))
    assert first.left(problems, [Arm()]) == 3
    async for _result in first.run(problems, [Arm()]):
        break
    host = Script(RIGHT)
    again = measuring(host, Store(file))
    assert again.left(problems, [Arm()]) == 2
    assert [result.id async for result in again.run(problems, [Arm()])] == ["line", "b", "c"]
    assert len({body.prefix for body in host.bodies}) == 1
    assert again.left(problems, [Arm()]) == 0


async def test_recorded_answers_make_the_same_suggestions_again() -> None:
    host = Script({"spm": RIGHT, "prefix": WRONG})
    first = measuring(host)
    before = [result async for result in first.run([LINE], [Arm(layout="spm"), Arm(layout="prefix")])]
    asked = len(host.bodies)
    pairs = [pair async for pair in first.again([LINE], before)]
    assert len(host.bodies) == asked
    assert [was for was, _ in pairs] == before
    for was, now in pairs:
        assert now.setup == was.setup
        assert (now.suggestion, now.raw, now.shown, now.whole) == (was.suggestion, was.raw, was.shown, was.whole)


async def test_what_was_not_recorded_is_left_out() -> None:
    first = measuring(Script(RIGHT))
    (result,) = [result async for result in first.run([LINE], [Arm()])]
    other = msgspec.structs.replace(LINE, prefix="def double(y):\n")
    assert [pair async for pair in first.again([other], [result])] == []
