"""Models that may be recommended, by the numbers of their published ``config.json``. Data, and what follows from it."""

import msgspec

HEAD_BITS = 6.3
"""Of a quantised output layer, with its scales."""

CACHE_BYTES = {"fp16": 2.0, "q8": 1.0625}
"""Of one value in the KV cache."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """``billions``: parameters, of which ``active`` are used for a token (all, unless it is a mixture of experts).
    ``gguf``: the id of a manifest that comes with Slipstream, where there is one."""

    name: str
    license: str
    billions: float
    layers: int
    hidden: int
    kv_heads: int
    head_size: int
    vocabulary: int
    tied: bool
    active: float = 0.0
    gguf: str = ""

    @property
    def head(self) -> float:
        """Parameters of the output layer, which are those of the embeddings where they are tied."""
        return self.vocabulary * self.hidden

    def body(self, billions: float) -> float:
        """Of so many parameters, those of the layers."""
        return billions * 1e9 - self.head * (1 if self.tied else 2)

    def weight_bytes(self, bits: float) -> float:
        """On a GPU: all but the embeddings, of which one row is read for a token."""
        return (self.body(self.billions) * bits + self.head * HEAD_BITS) / 8

    def bytes_per_token(self, bits: float) -> float:
        """What has to be read for each token, without the KV cache."""
        return (self.body(self.active or self.billions) * bits + self.head * HEAD_BITS) / 8

    def cache_bytes(self, tokens: int, cache: str) -> float:
        return 2 * self.layers * self.kv_heads * self.head_size * CACHE_BYTES[cache] * tokens


def _qwen(
    size: str,
    billions: float,
    shape: tuple[int, int, int, int],
    *,
    license: str = "Apache-2.0",
    vocabulary: int = 151_936,
    tied: bool = True,
    gguf: str = "",
) -> Candidate:
    """``shape``: layers, hidden size, KV heads, head size."""
    layers, hidden, kv_heads, head_size = shape
    return Candidate(
        name=f"Qwen2.5-Coder-{size}-Instruct",
        license=license,
        billions=billions,
        layers=layers,
        hidden=hidden,
        kv_heads=kv_heads,
        head_size=head_size,
        vocabulary=vocabulary,
        tied=tied,
        gguf=gguf,
    )


CANDIDATES = (
    _qwen("0.5B", 0.494, (24, 896, 2, 64), gguf="qwen2.5-coder-0.5b-instruct-q4_k_m"),
    _qwen("1.5B", 1.544, (28, 1536, 2, 128), gguf="qwen2.5-coder-1.5b-instruct-q4_k_m"),
    _qwen("3B", 3.086, (36, 2048, 2, 128), license="Qwen Research (not for commercial use)"),
    _qwen("7B", 7.616, (28, 3584, 4, 128), vocabulary=152_064, tied=False),
    _qwen("14B", 14.770, (48, 5120, 8, 128), vocabulary=152_064, tied=False),
    _qwen("32B", 32.764, (64, 5120, 8, 128), vocabulary=152_064, tied=False),
    Candidate(
        name="Qwen3-Coder-30B-A3B-Instruct",
        license="Apache-2.0",
        billions=30.5,
        active=3.3,
        layers=48,
        hidden=2048,
        kv_heads=4,
        head_size=128,
        vocabulary=151_936,
        tied=False,
    ),
)
