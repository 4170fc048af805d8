"""What an engine runs on: how fast its memory is read, and how much of it a token needs."""

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

from copilot.weights import gguf, safetensors
from copilot.weights.recommend import machine

_GPU = """
import json, time, torch
size = 1 << 30
source = torch.empty(size, dtype=torch.uint8, device="cuda")
target = torch.empty_like(source)
best = 0.0
for _ in range(8):
    torch.cuda.synchronize(); began = time.perf_counter()
    target.copy_(source)
    torch.cuda.synchronize(); best = max(best, 2 * size / (time.perf_counter() - began) / 1e9)
print(json.dumps({"bandwidth": best, "name": torch.cuda.get_device_name(0)}))
"""


def look(backend: str) -> tuple[str, float]:
    """The device's name, and the GB/s with which it was read just now: a GPU by a copy, which reads and writes."""
    if backend != "llama.cpp":
        child = subprocess.run([sys.executable, "-P", "-c", _GPU], capture_output=True, text=True, check=False)
        try:
            found = json.loads(child.stdout.strip().splitlines()[-1])
            return str(found["name"]), float(found["bandwidth"])
        except (IndexError, ValueError, KeyError):
            return "a GPU", 0.0
    name = platform.processor() or platform.machine()
    return f"{os.cpu_count()} cores, {name}", machine.read_bandwidth()


def bytes_per_token(model: Path) -> int:
    """All weights but the embeddings, of which one row is read; where they are the output layer too, those as well."""
    sizes = gguf.check(model).tensors if model.is_file() else safetensors.tensor_bytes(model)
    embeddings = sum(size for name, size in sizes.items() if "token_embd" in name or "embed_tokens" in name)
    tied = not any(name == "output.weight" or name.startswith("lm_head") for name in sizes)
    return sum(sizes.values()) - (0 if tied else embeddings)
