"""The dicts that both libraries' ``iterate`` returns, as :class:`Step`. No torch in here: tensors are asked for lists.

Their form, with its traps, is described in ``exllamav2/generator/dynamic.py`` of 0.3.2, from line 918 on, and is the
same in ``exllamav3/generator/job.py`` of 1.6.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from copilot.engine.exllama.loop import End, Job, Step, refused
from copilot.errors import SlipstreamError

_ENDS = {"stop_token": End.STOP_TOKEN, "stop_string": End.STOP_TOKEN, "end_filter": End.STOP_TOKEN}


def steps(results: Iterable[Mapping[str, Any]], page: int) -> list[tuple[Job, Step | SlipstreamError]]:
    """``page``: tokens of a KV page. Results of jobs that were dropped meanwhile are left out: their handle is gone.

    ExLlamaV3 ends a job that failed with its ``error`` and goes on with the others. What torch says of the GPU (it is
    full, it is gone) concerns all of them, and is raised.
    """
    at = time.monotonic()
    found: list[tuple[Job, Step | SlipstreamError]] = []
    for result in results:
        # Not the result's own, which errors lack.
        job: Job = result["job"].identifier
        if isinstance(error := result.get("error"), RuntimeError):
            raise error
        if job.handle is not None:
            failed = result["stage"] == "error"
            found.append((job, refused() if failed else _step(result, job, at, page)))
    return found


def _step(result: Mapping[str, Any], job: Job, at: float, page: int) -> Step:
    handle = result["job"]
    # The attribute counts the part of a last page that was copied from another; pages are counted apart.
    reused = handle.cached_pages * page + handle.cached_tokens
    if result["stage"] != "streaming":
        return Step(at=at, processed=max(reused, int(result.get("curr_progress", 0))), reused=reused)
    end = _ENDS.get(result.get("eos_reason", ""), End.LENGTH) if result["eos"] else None
    # What is held back, as half a character, comes at the end; with it the token that ended all.
    parts = (result, result.get("held") or {})
    tokens = [token for part in parts for token in _row(part.get("token_ids"))]
    probabilities = [value for part in parts for value in _row(part.get("token_probs"))]
    if result.get("eos_reason") == "stop_token":
        tokens = tokens[:-1]
    return Step(
        at=at,
        processed=len(job.ids),
        reused=min(reused, len(job.ids) - 1),
        tokens=tokens,
        probabilities=probabilities,
        logits=_logits(parts),
        end=end,
        generated=int(result.get("new_tokens", 0)),
    )


def _row(tensor: Any) -> list[Any]:
    return [] if tensor is None else list(tensor.flatten().tolist())


def _logits(parts: tuple[Mapping[str, Any], ...]) -> Any:
    found = [part["logits"] for part in parts if part.get("logits") is not None]
    if len(found) < 2:
        return found[0] if found else None
    import torch

    return torch.cat(found, dim=1)
