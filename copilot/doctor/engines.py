"""Which engines are installed, and whether they can be loaded here."""

import importlib.metadata
import importlib.util
import json
import signal
import subprocess
import sys

from copilot.doctor.finding import Finding, Verdict
from copilot.doctor.machine import read_cpu
from copilot.engine.exllama import extension

_PROBE = "import json, xllamacpp; print(json.dumps({'built_for': xllamacpp.get_system_info()}))"

# llama.cpp's names of what it was compiled for, and the kernel's names of what the processor has.
_FLAGS = {
    "SSE3": "pni",
    "SSSE3": "ssse3",
    "AVX": "avx",
    "AVX2": "avx2",
    "F16C": "f16c",
    "FMA": "fma",
    "BMI2": "bmi2",
    "AVX_VNNI": "avx_vnni",
    "AVX512": "avx512f",
    "AVX512_VBMI": "avx512vbmi",
    "AVX512_VNNI": "avx512_vnni",
    "AVX512_BF16": "avx512_bf16",
    "AMX_INT8": "amx_int8",
}

_INSTALL = "Install it: pip install --force-reinstall 'slipstream-copilot[cpu]'"


def llama_cpp(probe: str = _PROBE, timeout: float = 60.0) -> Finding:
    """Loads the native library in a child process, so that a crash is seen and not shared.

    ``probe``: the Python program that the child runs; it prints what the library was built for. ``timeout`` in s.
    """
    try:
        version = importlib.metadata.version("xllamacpp")
    except importlib.metadata.PackageNotFoundError:
        return _llama(Verdict.FAIL, "llama.cpp (xllamacpp) is not installed", _INSTALL)
    # Its environment is as empty as the worker's; -P keeps a file in the current folder from being imported.
    command = [sys.executable, "-P", "-c", probe]
    try:
        child = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=timeout, check=False, env={}
        )
    except subprocess.TimeoutExpired:
        return _llama(Verdict.FAIL, f"xllamacpp {version} did not load within {timeout:g} s", _INSTALL)
    if child.returncode != 0:
        last = child.stderr.strip().splitlines()[-1:] or [""]
        return _llama(
            Verdict.FAIL, f"xllamacpp {version} does not load: {_ending(child.returncode, last[0])}", _INSTALL
        )
    built_for = json.loads(child.stdout.strip().splitlines()[-1])["built_for"]
    lacking = lacking_features(built_for, read_cpu()[1])
    if lacking:
        return _llama(
            Verdict.FAIL,
            f"xllamacpp {version} was compiled for {', '.join(lacking)}, which this processor lacks; it would crash",
            "Build it for this machine: pip install --no-binary xllamacpp --force-reinstall xllamacpp",
        )
    return _llama(Verdict.OK, f"xllamacpp {version} loads")


def _llama(verdict: Verdict, detail: str, next_step: str = "") -> Finding:
    return Finding(id="engine.llama_cpp", title="llama.cpp", verdict=verdict, detail=detail, next_step=next_step)


def _ending(status: int, last_line: str) -> str:
    if status < 0:
        return f"it crashed ({signal.Signals(-status).name})"
    return last_line or f"exit status {status}"


def lacking_features(built_for: str, flags: frozenset[str]) -> list[str]:
    """What the library was compiled for and the processor does not have.

    ``built_for`` is llama.cpp's system info, ``CPU : AVX = 1 | AVX2 = 1 | ...``; it tells what the compiler was told.
    ``flags`` are the kernel's; where they are unknown nothing is said to be lacking.
    """
    if not flags:
        return []
    told = [item.partition("=") for item in built_for.rpartition(":")[2].split("|")]
    names = [name.strip() for name, _, value in told if value.strip() == "1"]
    return [name for name in names if name in _FLAGS and _FLAGS[name] not in flags]


_TORCH = (
    "import json, torch; print(json.dumps({'cuda': torch.version.cuda, 'gpus': "
    "[torch.cuda.get_device_name(at) for at in range(torch.cuda.device_count())]}))"
)


def exllama(library: str, title: str, probe: str = _TORCH, timeout: float = 60.0) -> Finding | None:
    """A GPU library: whether torch is a CUDA build that sees a GPU, and whether the compiled part is there. None where
    the library is not installed. ``probe``, ``timeout``: as for :func:`llama_cpp`."""
    try:
        version = importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None

    def finding(verdict: Verdict, detail: str, next_step: str = "") -> Finding:
        return Finding(
            id=f"engine.{library}",
            title=title,
            verdict=verdict,
            detail=f"{library} {version}: {detail}",
            next_step=next_step,
        )

    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", probe],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return finding(Verdict.WARN, f"torch did not load within {timeout:g} s", _CUDA_TORCH)
    if child.returncode:
        last = child.stderr.strip().splitlines()[-1:] or [""]
        return finding(Verdict.WARN, f"torch does not load: {_ending(child.returncode, last[0])}", _CUDA_TORCH)
    torch = json.loads(child.stdout.strip().splitlines()[-1])
    if torch["cuda"] is None:
        return finding(Verdict.WARN, "the torch that is installed is a build without CUDA", _CUDA_TORCH)
    if not torch["gpus"]:
        return finding(
            Verdict.WARN,
            "torch finds no GPU",
            "Check the driver with `nvidia-smi`.",
        )
    gpus = ", ".join(torch["gpus"])
    if importlib.util.find_spec(f"{library}_ext") is None and extension.ready(library) is None:
        return finding(
            Verdict.OK, f"torch for CUDA {torch['cuda']} with {gpus}; its compiled part is built with the first model"
        )
    return finding(Verdict.OK, f"torch for CUDA {torch['cuda']} with {gpus}, and its compiled part is there")


_CUDA_TORCH = "Install a CUDA build of torch that suits the driver; docs/gpu.md says how."


def optional(distribution: str, title: str) -> Finding | None:
    """An engine that few people have: told when it is installed, otherwise nothing."""
    try:
        version = importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
    return Finding(id=f"engine.{distribution}", title=title, verdict=Verdict.OK, detail=f"{distribution} {version}")
