"""One suggestion for commands and benchmarks, from a host in this process."""

import pytest

from copilot.completion.framing import UNKNOWN_MODEL
from copilot.completion.once import complete_once
from copilot.config.settings import CompletionSettings
from copilot.errors import SlipstreamError
from tests.fakes import ScriptedEngine
from tests.hosts import running, until
from tests.spots import spot_in

SETTINGS = CompletionSettings()


async def test_a_suggestion_with_all_of_its_lines() -> None:
    engine = ScriptedEngine(["for a in b:\n", "    c(a)\n", "d()\n"])
    pieces: list[str] = []
    async with running(engine) as host:
        once = await complete_once(
            host.client, spot_in("b = [1]\n‸"), model=UNKNOWN_MODEL, settings=SETTINGS, grow=pieces.append
        )
        await until(lambda: engine.busy == 0)
    assert once.suggestion is not None
    assert once.suggestion.text == "".join(pieces)
    assert once.suggestion.text.startswith("for a in b:\n    c(a)")
    assert once.stats is not None
    assert once.stats.prompt_tokens == 128
    # One candidate, and nothing ahead of time.
    assert len(engine.calls) == 1


async def test_nothing_to_suggest() -> None:
    async with running(ScriptedEngine([])) as host:
        once = await complete_once(host.client, spot_in("x = ‸"), model=UNKNOWN_MODEL, settings=SETTINGS)
    assert once.suggestion is None


async def test_a_copy_of_what_follows_is_asked_again_without_it() -> None:
    engine = ScriptedEngine(["\ndef other():\n", "    pass\n"])
    async with running(engine) as host:
        await complete_once(
            host.client,
            spot_in("def f():\n    ‸\n\ndef other():\n    pass\n"),
            model=UNKNOWN_MODEL,
            settings=SETTINGS,
        )
    assert len(engine.calls) == 2


@pytest.mark.parametrize("text", ["x = na‸me\n", "f(x)‸\n"])
async def test_quiet_places_are_answered_too(text: str) -> None:
    engine = ScriptedEngine(["1"])
    async with running(engine) as host:
        await complete_once(host.client, spot_in(text), model=UNKNOWN_MODEL, settings=SETTINGS)
    assert engine.calls


async def test_an_engine_that_fails_is_an_error() -> None:
    async with running(ScriptedEngine(["a", "b"], fail_at=1)) as host:
        with pytest.raises(SlipstreamError, match="worker died"):
            await complete_once(host.client, spot_in("x = ‸"), model=UNKNOWN_MODEL, settings=SETTINGS)
