"""The thread that drives a generator, with a generator that does what it is told."""

import queue
import threading
from typing import NoReturn

import pytest

from copilot.engine.exllama.loop import End, Job, JobLoop, Step
from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError

GUARD = 20.0


class Scripted:
    """A library that yields the numbers from 0 on for each job, up to its ``max_tokens``. ``gate``: one iteration for
    each release; ``trouble``: raised by the next iteration; ``repair``: what ``recover`` answers."""

    def __init__(self) -> None:
        self.gate = threading.Semaphore(0)
        self.trouble: Exception | None = None
        self.repair: SlipstreamError | None = None
        self.refused: Exception | None = None
        self.jobs: list[Job] = []
        self.log: list[str] = []
        self.tidied = threading.Event()

    def submit(self, job: Job) -> None:
        if self.refused:
            raise self.refused
        job.handle = [0]
        self.jobs.append(job)

    def cancel(self, job: Job) -> None:
        self.log.append("cancel")
        self.jobs.remove(job)

    def iterate(self) -> list[tuple[Job, Step | SlipstreamError]]:
        assert self.gate.acquire(timeout=GUARD)
        if self.trouble is not None:
            trouble, self.trouble = self.trouble, None
            raise trouble
        found: list[tuple[Job, Step | SlipstreamError]] = []
        for job in list(self.jobs):
            number = job.handle[0]
            job.handle[0] += 1
            end = End.LENGTH if job.handle[0] == job.max_tokens else None
            if end:
                self.jobs.remove(job)
            found.append((job, Step(at=float(number), tokens=[number], end=end)))
        return found

    def tidy(self) -> None:
        self.tidied.set()

    def recover(self, error: Exception) -> SlipstreamError | None:
        self.jobs.clear()
        return self.repair

    def close(self) -> None:
        self.log.append("close")


def job(max_tokens: int = 3, cancelled: threading.Event | None = None) -> Job:
    event = cancelled or threading.Event()
    return Job([1], max_tokens, SamplingParams(), frozenset(), event.is_set)


def rest(of: Job) -> list[Step | SlipstreamError]:
    """Its steps to the end."""
    found: list[Step | SlipstreamError] = []
    while True:
        step = of.steps.get(timeout=GUARD)
        found.append(step)
        if isinstance(step, SlipstreamError) or step.end is not None:
            return found


def tokens(steps: list[Step | SlipstreamError]) -> list[int]:
    return [token for step in steps if isinstance(step, Step) for token in step.tokens]


def test_jobs_run_side_by_side_each_in_its_order() -> None:
    library = Scripted()
    loop = JobLoop(library)
    first, second = job(3), job(5)
    loop.submit(first)
    loop.submit(second)
    library.gate.release(20)
    assert tokens(rest(first)) == [0, 1, 2]
    assert tokens(rest(second)) == [0, 1, 2, 3, 4]
    loop.close()
    assert library.log == ["close"]


def test_a_cancelled_job_ends_before_the_next_iteration() -> None:
    library = Scripted()
    loop = JobLoop(library)
    gone = threading.Event()
    doomed, other = job(50, gone), job(3)
    loop.submit(doomed)
    library.gate.release()
    assert isinstance(doomed.steps.get(timeout=GUARD), Step)
    loop.submit(other)
    gone.set()
    # The one that was under way when it was cancelled may still end.
    library.gate.release(10)
    assert tokens(rest(doomed)) in ([], [1])
    assert tokens(rest(other)) == [0, 1, 2]
    assert library.log == ["cancel"]
    loop.close()


def test_a_job_that_is_cancelled_before_it_began_is_never_submitted() -> None:
    library = Scripted()
    loop = JobLoop(library)
    gone = threading.Event()
    gone.set()
    doomed = job(3, gone)
    loop.submit(doomed)
    (end,) = rest(doomed)
    assert isinstance(end, Step)
    assert end.end is End.CANCELLED
    assert (library.jobs, library.log) == ([], [])
    loop.close()


@pytest.mark.parametrize(
    ("refused", "code"),
    [
        (AssertionError("job requires more pages than there are"), "engine_failed"),
        (SlipstreamError("The JSON schema can't be used.", code="bad_schema"), "bad_schema"),
    ],
)
def test_a_job_that_is_refused_fails_alone_and_is_told_why(refused: Exception, code: str) -> None:
    library = Scripted()
    loop = JobLoop(library)
    good = job(2)
    loop.submit(good)
    library.gate.release()
    assert isinstance(good.steps.get(timeout=GUARD), Step)
    library.refused = refused
    bad = job(2)
    loop.submit(bad)
    library.gate.release(5)
    (error,) = rest(bad)
    assert isinstance(error, SlipstreamError)
    assert error.code == code
    assert tokens(rest(good)) == [1]
    loop.close()


def test_after_a_failure_that_can_be_mended_the_next_job_runs() -> None:
    library = Scripted()
    library.repair = SlipstreamError("The GPU's memory was full.", code="out_of_memory", retryable=True)
    library.trouble = RuntimeError("out of memory")
    loop = JobLoop(library)
    failed = [job(), job()]
    for each in failed:
        loop.submit(each)
    library.gate.release(20)
    for each in failed:
        (error,) = rest(each)
        assert error is library.repair
    later = job(2)
    loop.submit(later)
    assert tokens(rest(later)) == [0, 1]
    loop.close()


def test_a_failure_that_can_not_be_mended_ends_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    library = Scripted()
    library.trouble = RuntimeError("the user's secret prompt")
    died: queue.SimpleQueue[Exception] = queue.SimpleQueue()

    def die(error: Exception) -> NoReturn:
        died.put(error)
        while True:
            threading.Event().wait()

    loop = JobLoop(library, die)
    loop.submit(job())
    library.gate.release()
    assert isinstance(died.get(timeout=GUARD), RuntimeError)
    told = capsys.readouterr().err
    assert "RuntimeError" in told
    assert "iterate" in told
    assert "secret" not in told


def test_in_idle_time_it_tidies_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.engine.exllama.loop.IDLE_SECONDS", 0.01)
    library = Scripted()
    loop = JobLoop(library)
    one = job(1)
    loop.submit(one)
    library.gate.release(5)
    rest(one)
    assert library.tidied.wait(GUARD)
    loop.close()


def test_closing_ends_what_runs() -> None:
    library = Scripted()
    loop = JobLoop(library)
    running = job(100)
    loop.submit(running)
    library.gate.release()
    assert isinstance(running.steps.get(timeout=GUARD), Step)
    closing = threading.Thread(target=loop.close)
    closing.start()
    library.gate.release(5)
    closing.join(GUARD)
    assert not closing.is_alive()
    last = rest(running)[-1]
    assert isinstance(last, Step)
    assert last.end is End.CANCELLED
