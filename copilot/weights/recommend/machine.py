"""What this machine has: memory, GPUs, and how fast either is read."""

import concurrent.futures
import ctypes
import os
import re
import subprocess
import time

import msgspec

QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free", "--format=csv,noheader,nounits")

# GB/s, by the data sheets of the vendor; the first that stands in the card's name as whole words counts. The letter
# before a `?` may be missing.
_DATA_SHEETS = (
    ("GH200", 4000),
    ("H200", 4800),
    ("H100 PCIe", 2000),
    ("H100", 3350),
    ("A100-SXM4-80GB", 2039),
    ("A100", 1555),
    ("L40S?", 864),
    ("L4", 300),
    ("A40", 696),
    ("A30", 933),
    ("A10G?", 600),
    ("RTX 6000 Ada", 960),
    ("RTX A6000", 768),
    ("RTX PRO 6000", 1792),
    ("T4G?", 320),
    ("RTX 5090", 1792),
    ("RTX 5080", 960),
    ("RTX 5070 Ti", 896),
    ("RTX 5070", 672),
    ("RTX 5060", 448),
    ("RTX 4090", 1008),
    ("RTX 4080", 717),
    ("RTX 4070 Ti SUPER", 672),
    ("RTX 4070", 504),
    ("RTX 4060 Ti", 288),
    ("RTX 4060", 272),
    ("RTX 3090", 936),
    ("RTX 3080", 760),
    ("RTX 3070", 448),
    ("RTX 3060", 360),
)
GUESS = 250.0
"""GB/s, for a card that is not in the list: less than what most have."""

_READ_BYTES = 64 * 1024**2
_ROUNDS = 6


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """``bandwidth`` in GB/s; ``known``: by the vendor's data sheet, otherwise it is guessed. Memory in bytes."""

    name: str
    total: int
    free: int
    bandwidth: float
    known: bool


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """``memory`` that is available, in bytes; ``bandwidth`` with which it was read just now, in GB/s. ``why``: a
    sentence when no GPU was found."""

    gpus: tuple[Gpu, ...]
    memory: int
    bandwidth: float
    why: str = ""


def look(command: tuple[str, ...] = QUERY, seconds: float = 10.0) -> Machine:
    """Ask the driver, and measure."""
    import psutil

    gpus, why = find_gpus(command, seconds)
    return Machine(gpus=gpus, memory=psutil.virtual_memory().available, bandwidth=read_bandwidth(), why=why)


def find_gpus(command: tuple[str, ...] = QUERY, seconds: float = 10.0) -> tuple[tuple[Gpu, ...], str]:
    """Every NVIDIA GPU, or a sentence why there is none."""
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except FileNotFoundError:
        return (), "There is no NVIDIA driver here (nvidia-smi was not found)."
    except (OSError, subprocess.TimeoutExpired) as error:
        return (), f"The NVIDIA driver did not answer ({type(error).__name__})."
    if child.returncode:
        last = (child.stdout.strip() or child.stderr.strip() or "no reason given").splitlines()[-1]
        return (), f"The NVIDIA driver failed: {last[:200]}"
    gpus = tuple(gpu for line in child.stdout.splitlines() if (gpu := parse(line)) is not None)
    return gpus, "" if gpus else "The NVIDIA driver knows of no GPU."


def parse(line: str) -> Gpu | None:
    """A line of what :data:`QUERY` prints; memory is in MiB there."""
    fields = [field.strip() for field in line.split(",")]
    try:
        name, total, free = fields[0], int(fields[1]), int(fields[2])
    except (IndexError, ValueError):
        return None
    rate = _data_sheet(name)
    return Gpu(
        name=name, total=total * 1024**2, free=free * 1024**2, bandwidth=float(rate or GUESS), known=rate is not None
    )


def _data_sheet(name: str) -> int | None:
    # Cards of notebooks share their names with much faster ones. A workstation's Max-Q has all of its memory's speed.
    if re.search(r"\b(laptop|mobile)\b|geforce.*max-q", name, re.IGNORECASE):
        return None
    return next((rate for mark, rate in _DATA_SHEETS if re.search(rf"\b{mark}\b", name, re.IGNORECASE)), None)


def read_bandwidth() -> float:
    """GB/s with which all cores read memory: the best of some rounds of looking for a byte that isn't there."""
    workers = os.cpu_count() or 1
    buffers = [ctypes.create_string_buffer(_READ_BYTES) for _ in range(workers)]
    library = ctypes.CDLL(None)
    library.memchr.restype = ctypes.c_void_p
    library.memchr.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)

    def read(buffer: "ctypes.Array[ctypes.c_char]") -> None:
        library.memchr(ctypes.addressof(buffer), 1, _READ_BYTES)

    best = 0.0
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            list(pool.map(read, buffers))
            best = max(best, workers * _READ_BYTES / (time.perf_counter() - began) / 1e9)
    return best
