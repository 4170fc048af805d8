"""What the machine has: processor, memory, disk, GPU.

Like the other checks it imports what others made only where it is used: the doctor must speak when that is missing.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from copilot.doctor.finding import Finding, Verdict

GIB = 1024**3
MIB = 1024**2

# What llama.cpp can make use of, in the kernel's spelling and in the usual one.
_NOTABLE_FLAGS = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "bmi2": "BMI2",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx_vnni": "AVX VNNI",
    "amx_int8": "AMX",
    "asimd": "NEON",
    "asimddp": "dot products",
    "i8mm": "I8MM",
    "sve": "SVE",
}


def cpu_description(cpuinfo: str) -> tuple[str, frozenset[str]]:
    """The name and the flags of the first processor in the text of Linux' ``/proc/cpuinfo``."""
    name, flags = "", frozenset[str]()
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name" and not name:
            name = value.strip()
        elif key.strip() in {"flags", "Features"} and not flags:
            flags = frozenset(value.split())
    return name, flags


def read_cpu() -> tuple[str, frozenset[str]]:
    """Name and flags of this machine's processor; without ``/proc`` there are no flags."""
    try:
        name, flags = cpu_description(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except OSError:
        name, flags = "", frozenset()
    return name or platform.processor() or platform.machine(), flags


def cpu() -> Finding:
    import psutil

    name, flags = read_cpu()
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = f"{psutil.cpu_count(logical=False) or usable} physical cores, {usable} hardware threads usable"
    quota = container_cpus(Path("/sys/fs/cgroup"))
    if quota is not None:
        cores += f", limited to {quota:g} by the container"
    notable = ", ".join(word for flag, word in _NOTABLE_FLAGS.items() if flag in flags)
    detail = f"{name}; {cores}" + (f"; {notable}" if notable else "")
    if platform.machine() in {"x86_64", "AMD64"} and flags and "avx2" not in flags:
        return Finding(
            id="cpu",
            title="Processor",
            verdict=Verdict.WARN,
            detail=f"{detail}. It lacks AVX2.",
            next_step="Completions will be slow or impossible here; in a virtual machine, pass the host's CPU through.",
        )
    return Finding(id="cpu", title="Processor", verdict=Verdict.OK, detail=detail)


def container_cpus(cgroup: Path) -> float | None:
    """The CPU quota of cgroup v2, in CPUs (kernel documentation, cgroup-v2, ``cpu.max``); None without one."""
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def container_memory(cgroup: Path) -> tuple[int, int] | None:
    """Limit and use of cgroup v2, in bytes (``memory.max``, ``memory.current``); None without a limit.

    File pages that the kernel can drop (``inactive_file``) are not in use.
    """
    try:
        limit = int((cgroup / "memory.max").read_text())
        used = int((cgroup / "memory.current").read_text())
        stat = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
        return limit, used - int(stat.get("inactive_file", 0))
    except (OSError, ValueError):
        return None


def memory_needed(model_bytes: int, context_tokens: int) -> int:
    """About how much memory a worker takes, in bytes: the weights, the KV cache and some room to compute.

    A rule of thumb: the KV cache takes about 1/40,000 of the weights' size per token (the 0.5B and 1.5B Qwen2.5 at
    four bits: 12 and 28 KiB); with larger models it is less, so the estimate is on the safe side.
    """
    return model_bytes + context_tokens * (model_bytes // 40_000) + 128 * MIB


def memory(needed: int, *, loaded: bool) -> Finding:
    """``needed`` in bytes; ``loaded`` when a host holds the model already, so that nothing more will be taken."""
    import psutil

    found = psutil.virtual_memory()
    total, available = found.total, found.available
    limited = container_memory(Path("/sys/fs/cgroup"))
    if limited is not None:
        total = min(total, limited[0])
        available = min(available, max(0, limited[0] - limited[1]))
    return judge_memory(total, available, needed, loaded=loaded)


def judge_memory(total: int, available: int, needed: int, *, loaded: bool) -> Finding:
    detail = f"{size(total)} in all, {size(available)} free; the model needs about {size(needed)}"
    smaller = "Choose a smaller model (`slipstream models list`), or lower engine.context_tokens."
    verdict, next_step = Verdict.OK, ""
    if total < needed:
        verdict, next_step = Verdict.FAIL, smaller
    elif loaded:
        detail += ", and has it already"
    elif available < needed:
        verdict, next_step = Verdict.WARN, f"Close some programs. {smaller}"
    return Finding(id="memory", title="Memory", verdict=verdict, detail=detail, next_step=next_step)


def disk(folder: Path, missing_bytes: int) -> Finding:
    """Whether the models' ``folder`` can take what still has to be fetched."""
    existing = next(path for path in [folder, *folder.absolute().parents] if path.exists())
    free = shutil.disk_usage(existing).free
    detail = f"{size(free)} free in {folder}"
    elsewhere = "or set SLIPSTREAM_MODELS_DIR to a folder on another disk."
    if free < missing_bytes:
        verdict = Verdict.FAIL
        detail += f"; the model takes {size(missing_bytes)}"
        next_step = f"Free {size(missing_bytes - free)}, {elsewhere}"
    elif missing_bytes and not os.access(existing, os.W_OK | os.X_OK):
        verdict = Verdict.FAIL
        detail += f"; you may not write to {existing}"
        next_step = f"Make it writable, {elsewhere}"
    else:
        verdict, next_step = Verdict.OK, ""
    return Finding(id="disk", title="Disk", verdict=verdict, detail=detail, next_step=next_step)


def gpu() -> Finding:
    """Asks the NVIDIA driver. Without a GPU everything runs on the CPU, which is no fault."""
    program = shutil.which("nvidia-smi")
    if program is None:
        detail = "No NVIDIA driver; the model runs on the CPU"
        return Finding(id="gpu", title="GPU", verdict=Verdict.OK, detail=detail)
    query = [program, "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(query, capture_output=True, text=True, timeout=20, check=False)
        said = answer.stdout.strip() if answer.returncode == 0 else ""
        trouble = (answer.stderr or answer.stdout).strip() or f"exit status {answer.returncode}"
    except (OSError, subprocess.TimeoutExpired) as error:
        said, trouble = "", str(error)
    if not said:
        return Finding(
            id="gpu",
            title="GPU",
            verdict=Verdict.WARN,
            detail=f"nvidia-smi does not work: {' '.join(trouble.split())}",
            next_step="To use the GPU, repair the NVIDIA driver; often a restart is enough. The CPU works without it.",
        )
    cards = [card for line in said.splitlines() if len(card := [part.strip() for part in line.split(",")]) == 3]
    detail = "; ".join(f"{name}, {memory_total}, driver {driver}" for name, memory_total, driver in cards)
    return Finding(id="gpu", title="GPU", verdict=Verdict.OK, detail=detail or said)


def size(count: int) -> str:
    """A number of bytes for people."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.0f} MiB"
