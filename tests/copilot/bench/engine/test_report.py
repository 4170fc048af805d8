"""What was measured, as a table, as JSON and as a picture."""

import xml.etree.ElementTree as ET

import msgspec

from copilot.bench.engine.measure import Figure
from copilot.bench.engine.report import Report, svg, table


def report(**changes: object) -> Report:
    figures = (
        Figure(name="prefill", unit="tokens/s", samples=(900.0, 1000.0, 1100.0)),
        Figure(name="decode", unit="tokens/s", samples=(40.0, 50.0, 60.0)),
        Figure(name="between tokens", unit="ms", samples=tuple(20 + at % 7 for at in range(100))),
        Figure(name="1 at once", unit="tokens/s", samples=(50.0,)),
        Figure(name="8 at once", unit="tokens/s", samples=(250.0,)),
        Figure(name="a line, alone", unit="ms", samples=(100.0,)),
        Figure(name="a line, beside a chat", unit="ms", samples=(120.0,)),
    )
    made = Report(
        model="m<1>",
        backend="engine",
        version="1",
        device="card & co",
        bandwidth=50.0,
        bytes_per_token=500_000_000,
        figures=figures,
        bare=(Figure(name="decode", unit="tokens/s", samples=(52.0,)),),
        notes=("Attention: right.",),
    )
    return msgspec.structs.replace(made, **changes)


def test_the_table_says_what_follows_from_the_figures() -> None:
    lines = "\n".join(table(report()))
    assert "m<1> with engine 1 on card & co" in lines
    decode = next(line for line in table(report()) if line.startswith("decode"))
    assert decode.split()[1:3] == ["50.0", "60.0"]
    assert "52.0" in decode
    assert "96%" in decode
    assert "50.0 GB/s allow 100 tokens/s, of which it reaches 50%" in lines
    assert "8 at once make 5.0 times the tokens of one" in lines
    assert "Beside a chat a line takes 1.20 times as long" in lines
    assert "Attention: right." in lines


def test_what_is_not_there_is_left_out() -> None:
    lines = "\n".join(table(report(figures=(), bare=(), bandwidth=0.0, notes=())))
    assert "allow" not in lines
    assert "at once" not in lines
    ET.fromstring(svg(report(figures=())))


def test_json_comes_back_as_it_was() -> None:
    assert msgspec.json.decode(msgspec.json.encode(report()), type=Report) == report()


def test_the_picture_is_well_formed_and_shows_every_bar() -> None:
    root = ET.fromstring(svg(report()))
    space = "{http://www.w3.org/2000/svg}"
    assert len(root.findall(f"{space}rect")) == 1 + 2 + 8
    heights = [float(bar.attrib["height"]) for bar in root.findall(f"{space}rect")[1:3]]
    assert heights[1] == 5 * heights[0]
    assert any("m<1>" in (text.text or "") for text in root.findall(f"{space}text"))
