"""The bare library with the same model and prompts of the same size: what an engine's speed is to be compared with.

``python -m copilot.bench.engine.bare BACKEND MODEL EXTENSION`` reads prompts as one JSON array of texts from its input
and prints a :class:`Bare` as one line of JSON. A process of its own, as the engine's worker is one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from copilot.engine.child import ENVIRONMENT
from copilot.errors import SlipstreamError

_CONTEXT = 8192


class Bare(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens a second, one of each for each prompt."""

    prefill: tuple[float, ...]
    decode: tuple[float, ...]


def run(backend: str, model: Path, prompts: list[str], tokens: int, *, extension: str = "") -> Bare:
    """Raises :class:`SlipstreamError` with code ``bench_failed``."""
    import os

    child = subprocess.run(
        [sys.executable, "-P", "-m", "copilot.bench.engine.bare", backend, str(model), str(tokens), extension],
        input=json.dumps(prompts),
        capture_output=True,
        text=True,
        errors="replace",
        env={**os.environ, **ENVIRONMENT},
        check=False,
    )
    last = (child.stdout.strip().splitlines() or [""])[-1]
    try:
        return msgspec.json.decode(last, type=Bare)
    except msgspec.DecodeError:
        why = (child.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise SlipstreamError(
            f"The bare library could not be measured: {why[:200]}",
            hint="Leave it out with --no-bare.",
            code="bench_failed",
        ) from None


def _llama_cpp(model: str, prompts: list[str], tokens: int) -> Bare:
    import xllamacpp

    params: Any = xllamacpp.CommonParams()
    params.model.path = model
    params.n_ctx = _CONTEXT
    params.n_parallel = 1
    params.n_batch = params.n_ubatch = 512
    params.fit_params = False
    params.verbosity = 0
    params.ui = False
    from copilot.engine.llamacpp import cores

    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = cores()
    with tempfile.TemporaryDirectory() as folder:
        params.hostnames = [f"{folder}/llama.sock"]
        params.api_keys = ["bare"]
        server = xllamacpp.Server(params)
        prefill, decode = [], []
        for prompt in prompts:
            timings: dict[str, Any] = {}

            def take(chunk: dict[str, Any], into: dict[str, Any] = timings) -> bool:
                into.update(chunk.get("timings") or {})
                return False

            request = {"prompt": prompt, "max_tokens": tokens, "stream": True, "temperature": 0.0, "ignore_eos": True}
            server.handle_completions({**request, "samplers": ["top_k"], "top_k": 1, "timings_per_token": True}, take)
            prefill.append(float(timings["prompt_per_second"]))
            decode.append(float(timings["predicted_per_second"]))
    return Bare(prefill=tuple(prefill), decode=tuple(decode))


def _exllamav2(model: str, prompts: list[str], tokens: int, extension: str) -> Bare:
    """The library's own loop, as its examples have it."""
    if extension:
        sys.path.insert(0, extension)
    from copilot.engine.exllama import flash

    flash.install()
    import exllamav2
    import exllamav2.generator as names

    config = exllamav2.ExLlamaV2Config(model)
    config.max_seq_len = min(config.max_seq_len, _CONTEXT)
    loaded = exllamav2.ExLlamaV2(config)
    cache = exllamav2.ExLlamaV2Cache(loaded, max_seq_len=config.max_seq_len // 256 * 256, lazy=True)
    loaded.load_autosplit(cache)
    tokenizer = exllamav2.ExLlamaV2Tokenizer(config)
    generator = names.ExLlamaV2DynamicGenerator(model=loaded, cache=cache, tokenizer=tokenizer, max_batch_size=4)
    generator.warmup()
    prefill, decode = [], []
    for prompt in prompts:
        job = names.ExLlamaV2DynamicJob(
            input_ids=tokenizer.encode(prompt),
            max_new_tokens=tokens,
            gen_settings=names.ExLlamaV2Sampler.Settings.greedy(),
        )
        generator.enqueue(job)
        while generator.num_remaining_jobs():
            for result in generator.iterate():
                if result["eos"]:
                    prefill.append(result["prompt_tokens"] / max(result["time_prefill"], 1e-9))
                    decode.append((result["new_tokens"] - 1) / max(result["time_generate"], 1e-9))
    return Bare(prefill=tuple(prefill), decode=tuple(decode))


def main(backend: str, model: str, tokens: str, extension: str) -> None:
    prompts = json.load(sys.stdin)
    if backend == "llama.cpp":
        found = _llama_cpp(model, prompts, int(tokens))
    elif backend == "exllamav2":
        found = _exllamav2(model, prompts, int(tokens), extension)
    else:
        raise SystemExit(f"there is no bare loop for {backend}")
    print(msgspec.json.encode(found).decode())  # noqa: T201 - what the parent reads


if __name__ == "__main__":
    main(*sys.argv[1:5])
