"""The configurations that are measured against each other on the same problems."""

from collections.abc import Mapping, Sequence
from itertools import product

import msgspec

from copilot.completion.framing import ModelFacts
from copilot.config.settings import CompletionSettings
from copilot.context.request import CaretPlace


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """What differs from the user's settings; None leaves it as it is.

    ``layout``: the order of the prompt at every place of the caret.
    """

    layout: str | None = None
    prefix_tokens: int | None = None
    suffix_tokens: int | None = None

    @property
    def name(self) -> str:
        parts = [self.layout or ""]
        parts += [f"prefix {self.prefix_tokens}"] if self.prefix_tokens is not None else []
        parts += [f"suffix {self.suffix_tokens}"] if self.suffix_tokens is not None else []
        return ", ".join(filter(None, parts)) or "as set"

    def settings(self, settings: CompletionSettings) -> CompletionSettings:
        changed = {
            name: value for name in ("prefix_tokens", "suffix_tokens") if (value := getattr(self, name)) is not None
        }
        return msgspec.structs.replace(settings, **changed)

    def model(self, order: Mapping[str, str]) -> ModelFacts:
        return ModelFacts(order if self.layout is None else dict.fromkeys((*CaretPlace, "no_suffix"), self.layout))


def arms(layouts: Sequence[str], prefix_tokens: Sequence[int], suffix_tokens: Sequence[int]) -> list[Arm]:
    """Every combination; a prompt without a suffix is the same in one order for all lengths of it."""
    as_it_is: tuple[None] = (None,)
    combined = product(layouts or as_it_is, prefix_tokens or as_it_is, suffix_tokens or as_it_is)
    found = [
        Arm(layout=layout, prefix_tokens=prefix, suffix_tokens=None if layout == "prefix" else suffix)
        for layout, prefix, suffix in combined
    ]
    return list(dict.fromkeys(found))
