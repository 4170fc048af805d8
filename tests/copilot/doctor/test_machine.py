"""What the doctor reads off the machine."""

import shutil
from pathlib import Path

import pytest

from copilot.doctor import machine
from copilot.doctor.finding import Finding, Verdict

GIB = machine.GIB

X86 = """\
processor\t: 0
vendor_id\t: GenuineIntel
model name\t: Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz
flags\t\t: fpu sse2 avx avx2 fma f16c bmi2

processor\t: 1
model name\t: something else
flags\t\t: none
"""
ARM = "processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd asimddp\n"


def test_the_first_processor_is_read() -> None:
    name, flags = machine.cpu_description(X86)
    assert name == "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
    assert flags == {"fpu", "sse2", "avx", "avx2", "fma", "f16c", "bmi2"}
    assert machine.cpu_description(ARM) == ("", frozenset({"fp", "asimd", "asimddp"}))
    assert machine.cpu_description("") == ("", frozenset())


def test_this_machine_has_a_processor() -> None:
    finding = machine.cpu()
    assert "hardware threads usable" in finding.detail
    assert not finding.detail.startswith(";")


def test_a_processor_without_avx2_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "read_cpu", lambda: ("Old", frozenset({"avx"})))
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    finding = machine.cpu()
    assert finding.verdict is Verdict.WARN
    assert "lacks AVX2" in finding.detail
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert machine.cpu().verdict is Verdict.OK


@pytest.mark.parametrize(
    ("text", "cpus"), [("150000 100000\n", 1.5), ("max 100000\n", None), ("", None), ("x y", None)]
)
def test_the_quota_of_a_container(tmp_path: Path, text: str, cpus: float | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert machine.container_cpus(tmp_path) == cpus


def test_the_memory_of_a_container(tmp_path: Path) -> None:
    assert machine.container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("max\n")
    (tmp_path / "memory.current").write_text("600\n")
    (tmp_path / "memory.stat").write_text("anon 1\ninactive_file 200\n")
    assert machine.container_memory(tmp_path) is None
    (tmp_path / "memory.max").write_text("1000\n")
    assert machine.container_memory(tmp_path) == (1000, 400)


def test_the_need_is_near_what_the_default_model_was_measured_to_take() -> None:
    """A worker with the 0.5B model and 8,192 tokens of context: about 700 MB resident."""
    assert 600e6 < machine.memory_needed(491_400_064, 8192) < 850e6


@pytest.mark.parametrize(
    ("total", "available", "loaded", "verdict", "said"),
    [
        (16, 8, False, Verdict.OK, ""),
        (16, 1, False, Verdict.WARN, "Close some programs"),
        (16, 1, True, Verdict.OK, ""),
        (1, 1, False, Verdict.FAIL, "smaller model"),
        (1, 1, True, Verdict.FAIL, "smaller model"),
    ],
)
def test_memory(total: int, available: int, loaded: bool, verdict: Verdict, said: str) -> None:
    finding = machine.judge_memory(total * GIB, available * GIB, 2 * GIB, loaded=loaded)
    assert finding.verdict is verdict
    assert said in finding.next_step
    assert "needs about 2.0 GiB" in finding.detail
    assert bool(finding.next_step) == (verdict is not Verdict.OK)


def test_this_machine_has_memory() -> None:
    assert machine.memory(1, loaded=False).verdict is Verdict.OK
    assert machine.memory(1 << 60, loaded=False).verdict is Verdict.FAIL


def test_disk(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    assert machine.disk(folder, 1).verdict is Verdict.OK
    full = machine.disk(folder, shutil.disk_usage(tmp_path).total * 2)
    assert full.verdict is Verdict.FAIL
    assert "SLIPSTREAM_MODELS_DIR" in full.next_step
    assert str(folder) in full.detail
    assert not folder.exists()


@pytest.fixture
def nvidia_smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A driver tool that each test writes, the only one on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path / "nvidia-smi"


def answering(tool: Path, script: str) -> Finding:
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return machine.gpu()


def test_no_gpu_is_a_plain_fact(nvidia_smi: Path) -> None:
    finding = machine.gpu()
    assert (finding.verdict, finding.next_step) == (Verdict.OK, "")
    assert "runs on the CPU" in finding.detail


def test_gpus_and_their_driver(nvidia_smi: Path) -> None:
    finding = answering(
        nvidia_smi,
        '[ "$1" = "--query-gpu=name,memory.total,driver_version" ] && [ "$2" = "--format=csv,noheader" ] || exit 9\n'
        "echo 'NVIDIA GeForce RTX 4090, 24564 MiB, 550.54.14'\n"
        "echo 'NVIDIA H200, 143771 MiB, 550.54.14'",
    )
    assert finding.verdict is Verdict.OK
    assert finding.detail == (
        "NVIDIA GeForce RTX 4090, 24564 MiB, driver 550.54.14; NVIDIA H200, 143771 MiB, driver 550.54.14"
    )


def test_a_driver_that_does_not_work(nvidia_smi: Path) -> None:
    finding = answering(nvidia_smi, "echo 'Failed to initialize NVML: Driver/library version mismatch'; exit 18")
    assert finding.verdict is Verdict.WARN
    assert "Driver/library version mismatch" in finding.detail
    assert "repair the NVIDIA driver" in finding.next_step
    assert answering(nvidia_smi, "exit 3").detail.endswith("exit status 3")


@pytest.mark.parametrize(("count", "said"), [(0, "0 MiB"), (491_400_064, "469 MiB"), (3 * GIB // 2, "1.5 GiB")])
def test_sizes(count: int, said: str) -> None:
    assert machine.size(count) == said
