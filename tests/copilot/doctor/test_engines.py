"""Engines are loaded in a child process: whatever happens there is seen."""

import importlib.metadata

import pytest

from copilot.doctor import engines
from copilot.doctor.finding import Finding, Verdict
from copilot.engine.exllama import extension


def test_the_installed_engine_loads() -> None:
    finding = engines.llama_cpp()
    assert finding.verdict is Verdict.OK
    assert finding.detail == f"xllamacpp {importlib.metadata.version('xllamacpp')} loads"


@pytest.mark.parametrize(
    ("probe", "said"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "it crashed (SIGILL)"),
        ("import ctypes; ctypes.string_at(0)", "it crashed (SIGSEGV)"),
        (
            "raise ImportError('libgomp.so.1: cannot open shared object file')",
            "libgomp.so.1: cannot open shared object",
        ),
        ("raise SystemExit(3)", "exit status 3"),
    ],
)
def test_one_that_does_not_load(probe: str, said: str) -> None:
    finding = engines.llama_cpp(probe)
    assert finding.verdict is Verdict.FAIL
    assert said in finding.detail
    assert "slipstream-copilot[cpu]" in finding.next_step


def test_one_that_hangs() -> None:
    finding = engines.llama_cpp("import time; time.sleep(60)", timeout=0.5)
    assert finding.verdict is Verdict.FAIL
    assert "did not load within 0.5 s" in finding.detail


def test_the_child_sees_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    probe = "import os, json; assert 'A_SECRET' not in os.environ; print(json.dumps({'built_for': ''}))"
    assert engines.llama_cpp(probe).verdict is Verdict.OK


def test_one_that_was_compiled_for_another_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "read_cpu", lambda: ("Old", frozenset({"pni", "ssse3", "avx"})))
    probe = (
        "print('noise'); print('{\"built_for\": \"CPU : SSE3 = 1 | AVX = 1 | AVX2 = 1 | FMA = 1 | OPENMP = 1 | \"}')"
    )
    finding = engines.llama_cpp(probe)
    assert finding.verdict is Verdict.FAIL
    assert "compiled for AVX2, FMA, which this processor lacks" in finding.detail


@pytest.mark.parametrize(
    ("built_for", "flags", "lacking"),
    [
        ("CPU : AVX = 1 | AVX2 = 0 | ", {"avx"}, []),
        ("CPU : AVX = 1 | AVX2 = 1 | NEON = 1", {"avx"}, ["AVX2"]),
        ("CPU : AVX = 1", set(), []),
        ("", {"avx"}, []),
    ],
)
def test_what_a_processor_lacks(built_for: str, flags: set[str], lacking: list[str]) -> None:
    assert engines.lacking_features(built_for, frozenset(flags)) == lacking


def test_an_engine_that_is_not_installed_is_told_or_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_name: str) -> str:
        raise importlib.metadata.PackageNotFoundError

    assert engines.optional("msgspec", "Present") is not None
    monkeypatch.setattr(importlib.metadata, "version", missing)
    assert engines.optional("torch", "PyTorch") is None
    finding = engines.llama_cpp()
    assert finding.verdict is Verdict.FAIL
    assert "not installed" in finding.detail
    assert "slipstream-copilot[cpu]" in finding.next_step


def exllama(monkeypatch: pytest.MonkeyPatch, probe: str, timeout: float = 60.0) -> Finding:
    real = importlib.metadata.version
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "0.3.2" if name == "exllamav2" else real(name))
    found = engines.exllama("exllamav2", "ExLlamaV2", probe, timeout)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("probe", "words"),
    [
        ("raise ImportError('libcudart.so.13: cannot open shared object file')", "libcudart.so.13"),
        ('print(\'{"cuda": null, "gpus": []}\')', "a build without CUDA"),
        ('print(\'{"cuda": "13.0", "gpus": []}\')', "torch finds no GPU"),
    ],
)
def test_a_gpu_library_that_could_not_run_says_why(monkeypatch: pytest.MonkeyPatch, probe: str, words: str) -> None:
    found = exllama(monkeypatch, probe)
    assert found.verdict is Verdict.WARN
    assert words in found.detail
    assert found.next_step


def test_a_gpu_library_that_could_run(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = 'print(\'{"cuda": "13.0", "gpus": ["RTX 4090"]}\')'
    found = exllama(monkeypatch, probe)
    assert found.verdict is Verdict.OK
    assert "exllamav2 0.3.2: torch for CUDA 13.0 with RTX 4090" in found.detail
    assert "built with the first model" in found.detail
    folder = extension.folder("exllamav2")
    folder.mkdir(parents=True)
    (folder / "built").touch()
    assert "its compiled part is there" in exllama(monkeypatch, probe).detail


def test_a_torch_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "did not load within" in exllama(monkeypatch, "import time; time.sleep(60)", 0.5).detail


def test_a_gpu_library_that_is_not_installed_is_not_mentioned() -> None:
    assert engines.exllama("no-such-library", "Nothing") is None
