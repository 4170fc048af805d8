"""``slipstream bench engine`` as a user runs it, on the tiny model."""

import xml.etree.ElementTree as ET
from pathlib import Path

import msgspec
import pytest

from copilot import cli
from copilot.bench.engine.report import Report

Output = pytest.CaptureFixture[str]


@pytest.mark.model
def test_every_part_is_measured_and_written(tiny_model: Path, tmp_path: Path, capsys: Output) -> None:
    written, picture = tmp_path / "r.json", tmp_path / "r.svg"
    command = ["bench", "engine", "--model", "smollm2-135m-instruct-q4_1", "--quick"]
    assert cli.main([*command, "--json", str(written), "--svg", str(picture)]) == 0
    told = capsys.readouterr().out
    for name in (
        *("prefill", "decode", "first token, cold", "first token, a key later", "between tokens"),
        *("cancel in prefill", "cancel in decode", "1 at once", "4 at once", "a line, beside a chat"),
    ):
        assert f"\n{name} " in told
    assert "llama.cpp" in told
    assert "GB/s allow" in told
    report = msgspec.json.decode(written.read_bytes(), type=Report)
    assert all(sample > 0 for figure in (*report.figures, *report.bare) for sample in figure.samples)
    assert {figure.name for figure in report.bare} == {"prefill", "decode"}
    key = report.figure("first token, a key later")
    assert key is not None
    assert float(key.note.split()[2].rstrip("%")) > 90
    # Embeddings and output are one matrix in this model, so all of it is read.
    assert report.bytes_per_token == pytest.approx(tiny_model.stat().st_size, rel=0.05)
    ET.parse(picture)


def test_a_part_that_there_is_not_is_named(capsys: Output) -> None:
    assert cli.main(["bench", "engine", "--only", "speed,swimming"]) == 1
    assert "There is no part swimming" in capsys.readouterr().err
