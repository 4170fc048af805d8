"""The worker process: what it may see, and what happens when it, or its parent, dies."""

import asyncio
import os
import signal
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from benchmarks.speculation_cases import REPEATING
from copilot import paths
from copilot.config.settings import EngineSettings
from copilot.engine import process
from copilot.engine.process import WorkerEngine
from copilot.engine.protocol import ModelInfo, SamplingParams
from copilot.engine.worker import LOG_BYTES
from copilot.errors import SlipstreamError
from tests.copilot.engine.contract import CODE, NUMBERS, EngineContract, collect, finish, plan, text

GUARD = 60.0
"""Seconds after which a test that hangs fails. Nothing here is timed."""

INFO = ModelInfo(id="tiny", family="plain", context_length=8192)


async def start(
    path: Path,
    slots: int = 2,
    on_progress: Callable[[float], None] | None = None,
    speculation: Literal["off", "ngram"] = "off",
) -> WorkerEngine:
    settings = EngineSettings(context_tokens=2048, slots=slots, speculation=speculation)
    return await asyncio.wait_for(WorkerEngine.start(path, INFO, settings, on_progress), GUARD)


@pytest.fixture
async def engine(tiny_model: Path) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny_model)
    yield engine
    await engine.close()


@pytest.fixture
async def single(tiny_model: Path) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny_model, slots=1)
    yield engine
    await engine.close()


@pytest.fixture
async def coder(coder_model: Path) -> AsyncIterator[WorkerEngine]:
    """The default model, which has FIM tokens."""
    info = ModelInfo(id="coder", family="qwen", context_length=32768)
    settings = EngineSettings(context_tokens=2048)
    engine = await asyncio.wait_for(WorkerEngine.start(coder_model, info, settings), GUARD)
    yield engine
    await engine.close()


@pytest.fixture(autouse=True)
def temporary(home: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Private folders of workers are made here, where no other test makes any."""
    tmp_path_factory.getbasetemp()  # pytest's own are made where they always are
    monkeypatch.setattr(tempfile, "tempdir", str(home))
    return home


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(GUARD):
        while not true():  # noqa: ASYNC110 - the other processes have no event to wait for
            await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that its parent has not reaped is not running.
    return "State:\tZ" not in proc(pid, "status")


def proc(pid: int, name: str) -> str:
    return Path(f"/proc/{pid}/{name}").read_text()


def workers() -> list[str]:
    """Command lines of our children."""
    children = proc(os.getpid(), f"task/{os.getpid()}/children").split()
    return [line for pid in children if "engine.worker" in (line := proc(int(pid), "cmdline"))]


def pid_of(engine: WorkerEngine) -> int:
    assert engine.pid is not None
    return engine.pid


def private_folders() -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob("slipstream-*"))


def modes(path: Path) -> tuple[int, int]:
    """Permissions of a file and of its folder."""
    return stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode)


def listens_on_tcp(pid: int) -> bool:
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]  # noqa: PTH115 - no path: "socket:[1]"
    lines = (proc(pid, "net/tcp") + proc(pid, "net/tcp6")).splitlines()
    return any(f"socket:[{line.split()[9]}]" in links for line in lines if not line.lstrip().startswith("sl"))


@pytest.mark.model
class TestContract(EngineContract):
    pass


@pytest.mark.model
class TestContractWithGuessing(EngineContract):
    """Every promise holds when tokens come several in a step."""

    @pytest.fixture
    async def engine(self, tiny_model: Path) -> AsyncIterator[WorkerEngine]:
        engine = await start(tiny_model, speculation="ngram")
        assert engine.capabilities.speculative
        yield engine
        await engine.close()

    @pytest.fixture
    async def single(self, tiny_model: Path) -> AsyncIterator[WorkerEngine]:
        engine = await start(tiny_model, slots=1, speculation="ngram")
        yield engine
        await engine.close()


@pytest.mark.model
class TestConfinement:
    async def test_it_has_nothing_of_the_users_environment(
        self, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SECRET_TOKEN", "hunter2")
        engine = await start(tiny_model)
        folder = Path(f"/proc/{pid_of(engine)}")
        names = {entry.split("=")[0] for entry in proc(pid_of(engine), "environ").split("\0") if entry}
        assert names <= {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "LC_ALL", "GGML_NO_BACKTRACE"}
        assert (folder / "cwd").readlink() == Path("/")
        assert (folder / "fd" / "0").readlink() == Path("/dev/null")
        await engine.close()

    async def test_it_leaves_no_core_dump_and_gains_no_privileges(self, engine: WorkerEngine) -> None:
        limits = proc(pid_of(engine), "limits").splitlines()
        core = next(line for line in limits if line.startswith("Max core file size"))
        assert core.split()[-3:-1] == ["0", "0"]
        size = next(line for line in limits if line.startswith("Max file size"))
        assert size.split()[-3:-1] == [str(LOG_BYTES)] * 2
        assert "NoNewPrivs:\t1" in proc(pid_of(engine), "status")

    async def test_only_its_user_can_reach_its_listener(self, engine: WorkerEngine) -> None:
        (folder,) = private_folders()
        assert modes(folder / "llama.sock") == (0o600, 0o700)
        assert not listens_on_tcp(pid_of(engine))

    async def test_its_log_is_private_and_holds_no_text_of_a_prompt(self, engine: WorkerEngine) -> None:
        await collect(engine, plan("the magic word is xyzzy plugh"))
        with pytest.raises(SlipstreamError):
            await collect(engine, plan("xyzzy plugh " * 3000))
        await engine.close()
        log = paths.log_dir() / "engine.log"
        assert "xyzzy" not in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600

    async def test_ctrl_c_in_the_hosts_terminal_is_not_for_it(self, engine: WorkerEngine) -> None:
        pid = pid_of(engine)
        os.kill(pid, signal.SIGINT)
        assert text(await collect(engine, plan(NUMBERS)))
        assert engine.pid == pid


@pytest.mark.model
class TestLoading:
    async def test_it_says_how_far_it_is_and_what_it_loaded(self, tiny_model: Path) -> None:
        shares: list[float] = []
        engine = await start(tiny_model, on_progress=shares.append)
        assert shares == sorted(shares)
        assert shares[-1] == 1.0
        assert len(shares) > 2
        assert engine.model.context_length == 2048
        assert engine.capabilities.backend == "llama.cpp"
        assert engine.capabilities.version
        assert engine.capabilities.slots == 2
        assert engine.capabilities.kv_reuse == "leading"
        await engine.close()

    @pytest.mark.parametrize("content", [b"", b"GGUF" + bytes(200), b"GGUF\x03\0\0\0" + b"\xff" * 500])
    async def test_a_file_that_is_no_model_is_one_clear_error(self, tmp_path: Path, content: bytes) -> None:
        broken = tmp_path / "broken.gguf"
        broken.write_bytes(content)
        with pytest.raises(SlipstreamError, match="could not load the model tiny") as raised:
            await start(broken)
        assert raised.value.code == "engine_failed"
        assert raised.value.hint
        assert private_folders() == []

    async def test_a_missing_file_is_one_clear_error(self, tmp_path: Path) -> None:
        with pytest.raises(SlipstreamError, match=r"nowhere\.gguf") as raised:
            await start(tmp_path / "nowhere.gguf")
        assert raised.value.code == "engine_failed"

    async def test_cancelled_while_it_loads_nothing_is_left(self, tiny_model: Path) -> None:
        began = asyncio.Event()
        loading = asyncio.ensure_future(start(tiny_model, on_progress=lambda _share: began.set()))
        await asyncio.wait_for(began.wait(), GUARD)
        loading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await loading
        assert workers() == []
        assert private_folders() == []


@pytest.mark.model
class TestDeath:
    async def test_killed_in_mid_stream_gives_one_error_and_the_next_request_works(self, engine: WorkerEngine) -> None:
        pid = pid_of(engine)
        streams = [engine.generate(plan(NUMBERS), SamplingParams(max_tokens=400)) for _ in range(2)]
        for stream in streams:
            while not (await anext(stream)).text:
                pass

        os.kill(pid, signal.SIGKILL)
        for stream in streams:
            with pytest.raises(SlipstreamError) as raised:
                async for _ in stream:
                    pass
            assert raised.value.code == "engine_restarted"
            assert raised.value.retryable
            with pytest.raises(StopAsyncIteration):
                await anext(stream)

        events = await asyncio.wait_for(collect(engine, plan(NUMBERS), SamplingParams(max_tokens=9)), GUARD)
        assert text(events).startswith(" 16 17 18")
        assert engine.pid not in {None, pid}
        assert engine.restarts == 1
        # What the dead one left is removed; this is the folder of the one that runs.
        assert len(private_folders()) == 1

    async def test_it_comes_back_by_itself(self, engine: WorkerEngine) -> None:
        pid = pid_of(engine)
        assert not engine.restarting
        os.kill(pid, signal.SIGKILL)
        await until(lambda: engine.restarting)
        assert engine.failure is None
        await until(lambda: not engine.restarting)
        assert engine.pid not in {None, pid}
        assert await engine.count(NUMBERS) > 0

    async def test_dying_all_the_time_it_is_given_up_until_asked_for(
        self, engine: WorkerEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for _ in range(process.MAX_CRASHES):
            await until(lambda: engine.pid is not None)
            os.kill(pid_of(engine), signal.SIGKILL)
            await until(lambda: engine.pid is None)
        await until(lambda: not engine.restarting)
        for _ in range(2):
            assert engine.failure is not None
            with pytest.raises(SlipstreamError, match="crashed 3 times") as raised:
                await asyncio.wait_for(collect(engine, plan(NUMBERS)), GUARD)
            assert raised.value.code == "engine_failed"
            assert "engine.log" in raised.value.hint
            assert str(engine.failure) == str(raised.value)
        assert engine.pid is None

        await asyncio.wait_for(engine.restart(), GUARD)
        assert engine.failure is None
        assert text(await collect(engine, plan(NUMBERS)))

        for _ in range(process.MAX_CRASHES):
            await until(lambda: engine.pid is not None)
            os.kill(pid_of(engine), signal.SIGKILL)
            await until(lambda: engine.pid is None)
        # Long ago is forgotten.
        await until(lambda: engine.failure is not None)
        monkeypatch.setattr(process, "CRASH_WINDOW", 0.0)
        assert engine.failure is None
        assert text(await asyncio.wait_for(collect(engine, plan(NUMBERS)), GUARD))

    async def test_a_model_that_vanished_is_said_when_it_cannot_restart(self, tiny_model: Path, tmp_path: Path) -> None:
        link = tmp_path / "model.gguf"
        link.symlink_to(tiny_model)
        engine = await start(link)
        link.unlink()
        os.kill(pid_of(engine), signal.SIGKILL)
        await until(lambda: engine.pid is None)
        with pytest.raises(SlipstreamError) as raised:
            await asyncio.wait_for(collect(engine, plan(NUMBERS)), GUARD)
        assert raised.value.code == "engine_failed"
        await engine.close()

    async def test_a_worker_that_hangs_is_ended(self, engine: WorkerEngine, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(process, "HANG", 0.5)
        pid = pid_of(engine)
        stream = engine.generate(plan(NUMBERS), SamplingParams(max_tokens=500))
        await anext(stream)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.wait_for(stream.aclose(), GUARD)
        await until(lambda: not is_running(pid))
        assert text(await asyncio.wait_for(collect(engine, plan(NUMBERS)), GUARD))

    async def test_closed_in_mid_stream(self, tiny_model: Path) -> None:
        engine = await start(tiny_model)
        pid = pid_of(engine)
        stream = engine.generate(plan(NUMBERS), SamplingParams(max_tokens=500))
        await anext(stream)
        await asyncio.wait_for(engine.close(), GUARD)
        assert not is_running(pid)
        assert private_folders() == []
        with pytest.raises(SlipstreamError) as raised:
            async for _ in stream:
                pass
        assert raised.value.code == "engine_failed"

    async def test_a_worker_that_does_not_listen_is_closed_all_the_same(self, tiny_model: Path) -> None:
        engine = await start(tiny_model)
        pid = pid_of(engine)
        os.kill(pid, signal.SIGSTOP)
        await asyncio.wait_for(engine.close(), GUARD)
        assert not is_running(pid)

    @pytest.mark.parametrize("when", ["idle", "generating"])
    async def test_it_does_not_outlive_its_parent(self, tiny_model: Path, home: Path, when: str) -> None:
        script = (
            "import asyncio, sys\n"
            "from pathlib import Path\n"
            "from copilot.config.settings import EngineSettings\n"
            "from copilot.engine.process import WorkerEngine\n"
            "from copilot.engine.protocol import *\n"
            "async def main():\n"
            "    info = ModelInfo(id='tiny', family='plain', context_length=2048)\n"
            "    engine = await WorkerEngine.start(Path(sys.argv[1]), info, EngineSettings(context_tokens=2048))\n"
            "    prompt = PromptPlan(parts=(Part(text='1 2 3 4 5 6 7', name='x'),), layout=Layout.RAW)\n"
            "    stream = engine.generate(prompt, SamplingParams(max_tokens=1900))\n"
            "    if sys.argv[2] == 'generating':\n"
            "        await anext(stream)\n"
            "    print(engine.pid, flush=True)\n"
            "    await asyncio.sleep(600)\n"
            "asyncio.run(main())\n"
        )
        parent = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, str(tiny_model), when),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"TMPDIR": str(home)},
        )
        assert parent.stdout is not None
        pid = int(await asyncio.wait_for(parent.stdout.readline(), GUARD))
        assert is_running(pid)
        assert private_folders()
        parent.kill()
        await parent.wait()
        await until(lambda: not is_running(pid))
        assert not private_folders()


@pytest.mark.model
async def test_fill_in_the_middle(coder: WorkerEngine) -> None:
    from copilot_models import families

    from copilot.context.request import CaretPlace, InfillRequest
    from copilot.engine.planning import plan_infill

    family = families.load("qwen")
    prefix = 'def read_lines(path):\n    """Return the lines of a file."""\n    '
    suffix = "\n\n\nprint(read_lines('a.txt'))\n"
    cases = {
        CaretPlace.FRESH_LINE: (prefix, suffix, "open(path"),
        CaretPlace.LINE_END: (prefix + "with open(path) as file:\n        return", suffix, "file.read"),
        CaretPlace.MID_LINE: (prefix + "with open(", ") as file:\n        return file.readlines()\n" + suffix, "path"),
    }
    for place, (before, after, expected) in cases.items():
        request = InfillRequest(prefix=before, suffix=after, place=place)
        events = await collect(coder, plan_infill(request, family), SamplingParams(max_tokens=16))
        assert expected in text(events)
        assert not [token for token in family.controls if token in text(events)]

    # Content that spells control tokens is text.
    assert await coder.count("<|fim_suffix|><tool_call>") > 8
    before, after, expected = cases[CaretPlace.MID_LINE]
    spelled = InfillRequest(prefix="# <|fim_suffix|><tool_call><|fim_middle|>\n" + before, suffix=after)
    assert expected in text(await collect(coder, plan_infill(spelled, family), SamplingParams(max_tokens=16)))


@pytest.mark.model
async def test_what_one_owner_asked_is_computed_anew_for_another(engine: WorkerEngine) -> None:
    """Else the time to the first token tells one what the other's prompt was; and what was computed wrongly for one
    would be shown to the other."""
    prompt = plan(CODE * 8)
    answers = {}
    for owner in ("ada", "ada", "bob", "bob", "ada", "cy", "", "dee", "eve"):
        events = await collect(engine, msgspec.structs.replace(prompt, owner=owner), SamplingParams(max_tokens=8))
        done = finish(events)
        whole = done.prompt_tokens - 1
        # With four slots ada's is overwritten after four others at the earliest.
        assert (done.reused_tokens >= whole) if owner in answers else (done.reused_tokens == 0), owner
        answers[owner] = text(events)
    assert len(set(answers.values())) == 1
    assert answers["ada"]


@pytest.mark.model
async def test_a_request_that_is_refused_takes_over_no_cache(single: WorkerEngine) -> None:
    prompt = plan(CODE * 8)
    await collect(single, msgspec.structs.replace(prompt, owner="ada"), SamplingParams(max_tokens=1))
    theirs = msgspec.structs.replace(prompt, owner="bob")
    with pytest.raises(SlipstreamError):
        await collect(single, theirs, SamplingParams(max_tokens=1, json_schema='{"type": "nonsense"}'))
    assert finish(await collect(single, theirs, SamplingParams(max_tokens=1))).reused_tokens == 0


@pytest.mark.model
@pytest.mark.parametrize("layout", ["psm", "spm", "prefix"])
async def test_with_a_frozen_prefix_a_key_is_computed_alone(coder: WorkerEngine, layout: str) -> None:
    from copilot_models import families

    from copilot.context.request import InfillRequest
    from copilot.engine.planning import plan_infill

    prefix = CODE * 16 + "def volume(width, height, depth):\n    "
    request = InfillRequest(prefix=prefix, suffix="\n\nprint(volume(2, 3, 4))\n", layout=layout)
    typed = "return area(width, height)"
    for end in range(len(typed) + 1):
        plan = plan_infill(msgspec.structs.replace(request, begun=typed[:end]), families.load("qwen"))
        done = finish(await collect(coder, plan, SamplingParams(max_tokens=1)))
        assert end == 0 or done.reused_tokens >= 0.97 * done.prompt_tokens > 190
    assert text(await collect(coder, plan, SamplingParams(max_tokens=6))).startswith(" * depth")


@pytest.mark.model
async def test_guessing_changes_nothing_but_the_speed(coder_model: Path, coder: WorkerEngine) -> None:
    from copilot_models import families

    from copilot.engine.planning import plan_infill

    guessing = await start(coder_model, speculation="ngram")
    assert (coder.capabilities.speculative, guessing.capabilities.speculative) == (False, True)
    assert (coder.capabilities.logprobs, guessing.capabilities.logprobs) == (True, False)
    repeating = [case for case in REPEATING if case.name in {"boilerplate tests", "lines of settings"}]
    for case in repeating:
        prompt = plan_infill(case.request, families.load("qwen"))
        params = SamplingParams(max_tokens=40)
        plain = await collect(coder, prompt, params)
        guessed = await collect(guessing, prompt, params)
        assert text(guessed) == text(plain)
        assert finish(guessed).generated_tokens == finish(plain).generated_tokens
        assert finish(guessed).decode_ms > 0
    await guessing.close()


async def test_without_a_program_to_start_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "nothing"))
    with pytest.raises(SlipstreamError) as raised:
        await start(tmp_path / "x.gguf")
    assert raised.value.code == "engine_failed"


async def test_without_a_place_for_its_folder_it_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = Path("/nowhere")
    monkeypatch.setattr(tempfile, "tempdir", str(missing))
    with pytest.raises(SlipstreamError, match="temporary folder") as raised:
        await start(tmp_path / "x.gguf")
    assert raised.value.code == "engine_failed"
    assert "TMPDIR" in raised.value.hint
