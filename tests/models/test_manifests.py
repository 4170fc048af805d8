"""The manifests that come with Slipstream say what was measured, and nothing in one can leave its place."""

import pytest
from copilot_models import families, manifests
from copilot_models.manifests import HubSource, Manifest, WheelSource

PINNED = {
    "qwen2.5-coder-0.5b-instruct-q4_k_m": (
        491_400_064,
        "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
    ),
    "qwen2.5-coder-1.5b-instruct-q4_k_m": (
        1_117_320_768,
        "cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    ),
    "smollm2-135m-instruct-q4_1": (
        98_362_432,
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    ),
}

GOOD = b"""
id = "tiny"
name = "Tiny"
family = "plain"
license = "MIT"
quantization = "F32"
size_bytes = 3
sha256 = "%s"
context_length = 512
file = "tiny.gguf"
sources = [
    { kind = "hub", repo = "a/b", revision = "%s", file = "x/y.gguf" },
    { kind = "pypi", packages = [{ name = "p", version = "1.0", member = "p/data.bin", size_bytes = 3 }] },
]
""" % (b"0" * 64, b"1" * 40)


def test_the_pinned_hashes() -> None:
    assert {of.id: (of.size_bytes, of.sha256) for of in manifests.builtin().values()} == PINNED


@pytest.mark.parametrize("of", manifests.builtin().values(), ids=manifests.builtin())
def test_each_manifest_is_of_use(of: Manifest) -> None:
    assert of.license == "Apache-2.0"
    assert of.file == f"{of.id}.gguf", "two models must not share a file of the cache"
    assert of.family in families.names()
    kinds = [type(source) for source in of.sources]
    assert kinds in ([HubSource, WheelSource], [WheelSource]), "the hub comes first"


def test_a_manifest_reads_back_whole() -> None:
    of = manifests.parse(GOOD)
    assert isinstance(of.sources[0], HubSource)
    assert isinstance(of.sources[1], WheelSource)
    assert of.sources[0].file == "x/y.gguf"
    assert (of.format, of.order) == ("gguf", {})


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        ('id = "tiny"', 'id = "../tiny"'),
        ('id = "tiny"', 'id = "a/b"'),
        ('id = "tiny"', 'id = "a..b"'),
        ('id = "tiny"', 'id = ".tiny"'),
        ('id = "tiny"', 'id = "Tiny"'),
        ('id = "tiny"', 'id = "tiny\\n"'),
        ('file = "tiny.gguf"', 'file = "../tiny.gguf"'),
        ('file = "tiny.gguf"', 'file = "/etc/tiny.gguf"'),
        ('file = "tiny.gguf"', 'file = "-tiny.gguf"'),
        ('file = "tiny.gguf"', 'file = "tiny.gguf\\u0000"'),
        ('file = "x/y.gguf"', 'file = "../y.gguf"'),
        ('file = "x/y.gguf"', 'file = "x/../../y.gguf"'),
        ('file = "x/y.gguf"', 'file = "x//y.gguf"'),
        ('file = "x/y.gguf"', 'file = "/y.gguf"'),
        ('repo = "a/b"', 'repo = "a/b/c"'),
        ('repo = "a/b"', 'repo = "../b"'),
        ('revision = "1111', 'revision = "main'),
        ('sha256 = "0000', 'sha256 = "000g'),
        ('sha256 = "0000', 'sha256 = "00000'),
        ('name = "p"', 'name = "--index-url=http://evil"'),
        ('version = "1.0"', 'version = "1.0 --pre"'),
        ('member = "p/data.bin"', 'member = "../data.bin"'),
        ("size_bytes = 3\nsha", "size_bytes = 0\nsha"),
        ("size_bytes = 3\nsha", "size_bytes = 4\nsha"),
        ('license = "MIT"', 'licence = "MIT"'),
        ('kind = "hub"', 'kind = "ftp"'),
        ('name = "Tiny"', 'name = "Ti\\u001bny"'),
    ],
)
def test_what_could_leave_its_place_is_refused(field: str, bad: str) -> None:
    text = GOOD.decode()
    assert field in text
    with pytest.raises(ValueError, match=r"\$|bytes|field|unknown|Expected"):
        manifests.parse(text.replace(field, bad).encode())
