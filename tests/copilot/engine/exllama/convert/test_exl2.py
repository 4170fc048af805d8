"""The conversion to EXL2, around a converter that only pretends to: it says and leaves what the real one does."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from copilot.engine.exllama.convert import exl2
from copilot.engine.exllama.convert.agreement import Agreement, Position, compare
from copilot.errors import SlipstreamError
from tests.copilot.weights import tiny

# Says what exllamav2 0.3.2 says (conversion/bot_status.py), one layer after the other.
CONVERTER = """
import json, os, pathlib, shutil, sys
arguments = sys.argv[1:]
def value(flag): return arguments[arguments.index(flag) + 1] if flag in arguments else None
work, out, source = map(pathlib.Path, (value("-o"), value("-cf"), value("-i")))
with open(pathlib.Path(__file__).with_name("calls.txt"), "a") as calls: calls.write(json.dumps(arguments) + "\\n")
job = work / "job_new.json"
state = json.loads(job.read_text()) if job.exists() else {"layers": 0, "progress": "begin", "compile_full": str(out)}
if state["progress"] == "finished": print(" !! Job is already finished"); sys.exit()
# Other options are ignored when it goes on.
done, out = state["layers"], pathlib.Path(state["compile_full"])
(work / "out_tensor").mkdir(exist_ok=True)
for layer in range(done, 4):
    print(f" -- Layer: model.layers.{layer} (Attention)", flush=True)
    print('[STATUS]' + json.dumps({"stage": "Measuring", "completion": layer / 4}) + '[/STATUS]', flush=True)
    BODY
    state |= {"layers": layer + 1, "progress": "measure_quant"}
    job.write_text(json.dumps(state))
(work / "measurement.json").write_text('{"measurement": {}}')
job.write_text(json.dumps(state | {"progress": "compile"}))
out.mkdir(exist_ok=True)
(out / "output_temp_1.safetensors").touch()
COMPILE
(out / "output_temp_1.safetensors").unlink()
for name in ("tokenizer.json", "output.safetensors"): shutil.copy(source / name, out / name)
config = json.loads((source / "config.json").read_text())
config["quantization_config"] = {"quant_method": "exl2", "bits": float(value("-b"))}
(out / "config.json").write_text(json.dumps(config))
job.write_text(json.dumps(state | {"progress": "finished"}))
print(" -- Finished")
"""


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> exl2.Wanted:
    converter(tmp_path, monkeypatch, "pass")
    monkeypatch.setattr("copilot.engine.exllama.extension.ensure", lambda *_: "")
    source = tiny.exl2_folder(tmp_path / "source", tokens=("a",))
    config = json.loads((source / "config.json").read_text())
    del config["quantization_config"]
    (source / "config.json").write_text(json.dumps(config))
    return exl2.Wanted(source=source, out=tmp_path / "made" / "out", work=tmp_path / "work", bits=4.0)


def converter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, compiling: str = "pass") -> None:
    """``body``: what it does with each layer; ``compiling``: what it does while it writes the result."""
    script = tmp_path / "converter.py"
    script.write_text(CONVERTER.replace("BODY", body).replace("COMPILE", compiling))
    monkeypatch.setattr(exl2, "COMMAND", (str(script),))


def nothing(_what: str, _share: float) -> None: ...


def calls(wanted: exl2.Wanted) -> list[str]:
    return (wanted.work.parent / "calls.txt").read_text().splitlines()


def test_it_is_told_how_far_it_is_and_what_was_made(wanted: exl2.Wanted) -> None:
    told: list[tuple[str, float]] = []
    assert exl2.convert(wanted, lambda what, share: told.append((what, share))) == wanted.out
    assert told == [("Measuring", 0.0), ("Measuring", 0.25), ("Measuring", 0.5), ("Measuring", 0.75)]
    assert "Layer: model.layers.3" in (wanted.work / "convert.log").read_text()
    (call,) = calls(wanted)
    assert '"-b", "4"' in call
    assert '"-hb", "6"' in call
    # As large as the source, and of no more use.
    assert not (wanted.work / "out_tensor").exists()


def test_what_was_measured_serves_another_size(wanted: exl2.Wanted) -> None:
    exl2.convert(wanted, nothing)
    other = msgspec.structs.replace(wanted, bits=6.0, out=wanted.out.with_name("other"))
    assert exl2.convert(other, nothing) == other.out
    assert json.loads(calls(wanted)[1])[-2:] == ["-m", str(wanted.work / "measurement.json")]


def test_what_was_measured_of_other_weights_is_measured_again(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exl2.convert(wanted, nothing)
    old = '{"measurement": "old"}'
    (wanted.work / "measurement.json").write_text(old)
    (wanted.source / "output.safetensors").touch()
    again = msgspec.structs.replace(wanted, out=wanted.out.with_name("again"))
    converter(tmp_path, monkeypatch, "if layer == 2: sys.exit()")
    with pytest.raises(SlipstreamError):
        exl2.convert(again, nothing)
    # Stopped before it has measured, it goes on, and nothing takes what is there for its own.
    converter(tmp_path, monkeypatch, "assert layer >= 2")
    assert exl2.convert(again, nothing) == again.out
    assert all("-m" not in json.loads(call) for call in calls(wanted))
    assert (wanted.work / "measurement.json").read_text() != old
    assert (wanted.work / "measurement-of-others.json").read_text() == old


def test_a_measurement_that_is_asked_for_is_used_wherever_it_lies(wanted: exl2.Wanted) -> None:
    exl2.convert(wanted, nothing)
    (wanted.source / "output.safetensors").touch()
    measured = wanted.work / "measurement.json"
    again = msgspec.structs.replace(wanted, out=wanted.out.with_name("again"), measurement=measured)
    assert exl2.convert(again, nothing) == again.out
    assert json.loads(calls(wanted)[1])[-2:] == ["-m", str(measured)]
    assert measured.exists()


@pytest.mark.parametrize("inside", ["thesis.txt", "measurement.json"])
def test_a_folder_with_something_else_in_it_is_not_worked_in(wanted: exl2.Wanted, inside: str) -> None:
    wanted.work.mkdir()
    (wanted.work / inside).write_text("{}")
    with pytest.raises(SlipstreamError, match="holds something else") as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.code == "folder_in_use"
    assert (wanted.work / inside).exists()


def test_in_the_end_only_what_the_converter_made_is_removed(wanted: exl2.Wanted) -> None:
    exl2._begin(wanted)
    (wanted.work / "thesis.txt").touch()
    inner = msgspec.structs.replace(wanted, out=wanted.work / "out")
    (wanted.work / "slipstream.json").write_bytes(msgspec.json.encode(exl2._ours(inner)))
    assert exl2.convert(inner, nothing) == inner.out
    assert (wanted.work / "thesis.txt").exists()
    assert (inner.out / "config.json").exists()
    assert not (wanted.work / "job_new.json").exists()


def test_a_rope_base_that_the_converter_would_not_find_is_asked_for(wanted: exl2.Wanted) -> None:
    config = json.loads((wanted.source / "config.json").read_text())
    config.pop("rope_theta", None)
    (wanted.source / "config.json").write_text(json.dumps(config | {"rope_parameters": {"rope_theta": 1000000.0}}))
    with pytest.raises(SlipstreamError, match="RoPE base") as caught:
        exl2.convert(wanted, nothing)
    assert '"rope_theta": 1000000.0' in caught.value.hint


def test_stopped_while_it_writes_the_result_it_goes_on(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter(tmp_path, monkeypatch, "pass", "raise OSError(28, 'No space left on device')")
    with pytest.raises(SlipstreamError, match="disk is full"):
        exl2.convert(wanted, nothing)
    assert list(wanted.out.iterdir())
    with pytest.raises(SlipstreamError, match="of another conversion"):
        exl2.convert(msgspec.structs.replace(wanted, out=wanted.out.with_name("other")), nothing)
    converter(tmp_path, monkeypatch, "raise AssertionError")
    assert exl2.convert(wanted, nothing) == wanted.out


def test_a_result_that_was_removed_is_made_again(wanted: exl2.Wanted) -> None:
    exl2.convert(wanted, nothing)
    shutil.rmtree(wanted.out)
    assert exl2.convert(wanted, nothing) == wanted.out
    # As when it was killed between its last word and ours, or while it noted how far it was.
    for left in ('{"progress": "finished"}', '{"progress": "qua'):
        shutil.rmtree(wanted.out)
        (wanted.work / "job_new.json").write_text(left)
        assert exl2.convert(wanted, nothing) == wanted.out


def test_why_it_failed_is_not_why_it_failed_before(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter(tmp_path, monkeypatch, "raise RuntimeError('CUDA out of memory')")
    with pytest.raises(SlipstreamError, match="memory was full"):
        exl2.convert(wanted, nothing)
    converter(tmp_path, monkeypatch, "raise ValueError('something else')")
    with pytest.raises(SlipstreamError, match="something else"):
        exl2.convert(wanted, nothing)


def test_what_lies_in_the_current_folder_is_not_imported(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(tmp_path)
    said = '{"tokens": 4, "same": 1, "divergence": 0}'
    monkeypatch.setattr(exl2, "CHECK", ("-c", f"import msgspec; print('{said}')"))
    assert exl2.agreement(wanted.source, wanted.source, nothing).same == 1


def test_what_was_stopped_goes_on_from_there(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter(tmp_path, monkeypatch, "if layer == 2: sys.exit()")
    with pytest.raises(SlipstreamError) as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.code == "convert_failed"
    converter(tmp_path, monkeypatch, "assert layer >= 2")
    measured = msgspec.structs.replace(wanted, measurement=tmp_path / "measurement.json")
    assert exl2.convert(measured, nothing) == wanted.out
    # The converter keeps to the options that it began with.
    assert "-m" not in json.loads(calls(wanted)[1])


def test_a_working_folder_of_another_conversion_is_left_alone(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converter(tmp_path, monkeypatch, "if layer == 2: sys.exit()")
    with pytest.raises(SlipstreamError):
        exl2.convert(wanted, nothing)
    with pytest.raises(SlipstreamError, match="of another conversion") as caught:
        exl2.convert(msgspec.structs.replace(wanted, bits=6.0), nothing)
    assert caught.value.code == "folder_in_use"


def test_ctrl_c_ends_the_converter_and_what_was_done_stays(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = tmp_path / "pid"
    script = (
        f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid())); import time; time.sleep(600 if layer == 1 else 0)"
    )
    converter(tmp_path, monkeypatch, script)
    program = (
        "import sys; from pathlib import Path; from copilot.engine.exllama.convert import exl2\n"
        f"exl2.COMMAND = {exl2.COMMAND!r}; exl2.extension.ensure = lambda *_: ''\n"
        f"exl2.convert(exl2.Wanted(source=Path({str(wanted.source)!r}), out=Path({str(wanted.out)!r}),"
        f" work=Path({str(wanted.work)!r}), bits=4.0), lambda what, share: None)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    job = wanted.work / "job_new.json"
    deadline = time.monotonic() + 60
    while not (job.exists() and "layers" in job.read_text()) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGINT)
    child.wait(60)
    deadline = time.monotonic() + 60
    while _runs(int(pid.read_text())) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _runs(int(pid.read_text()))
    assert json.loads(job.read_text())["layers"] == 1


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("raise SystemExit(\"ModuleNotFoundError: No module named 'torch'\")", "not installed"),
        ("raise RuntimeError('CUDA out of memory. Tried to allocate 2 GiB')", "memory was full"),
        ("raise OSError(28, 'No space left on device')", "disk is full"),
        ("print('ValueError: something new'); sys.exit()", "ValueError: something new"),
    ],
)
def test_why_it_failed_is_said_in_plain_words(
    wanted: exl2.Wanted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, words: str
) -> None:
    converter(tmp_path, monkeypatch, body)
    with pytest.raises(SlipstreamError, match=words) as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.hint


def test_what_it_can_not_be_made_of_is_refused_before(wanted: exl2.Wanted, tmp_path: Path) -> None:
    quantised = tiny.exl2_folder(tmp_path / "exl2")
    with pytest.raises(SlipstreamError, match="quantised already"):
        exl2.convert(msgspec.structs.replace(wanted, source=quantised), nothing)
    (wanted.source / "pytorch_model.bin").touch()
    with pytest.raises(SlipstreamError) as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.code == "unsafe_model_file"
    assert not wanted.work.exists()


def test_bits_and_folders_are_looked_at_before(wanted: exl2.Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SlipstreamError) as caught:
        exl2.convert(msgspec.structs.replace(wanted, bits=1.5), nothing)
    assert caught.value.code == "bad_bits"
    monkeypatch.setattr("copilot.weights.disk.free_bytes", lambda _folder: 10)
    with pytest.raises(SlipstreamError) as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.code == "disk_full"
    wanted.out.mkdir(parents=True)
    (wanted.out / "x").touch()
    with pytest.raises(SlipstreamError) as caught:
        exl2.convert(wanted, nothing)
    assert caught.value.code == "folder_in_use"


@pytest.mark.parametrize(
    "line", ["", "text", "[STATUS]{[/STATUS]", '[STATUS]{"stage": "x"}[/STATUS]', "[STATUS]1[/STATUS]"]
)
def test_lines_that_say_nothing_of_progress(line: str) -> None:
    assert exl2.progress(line) is None


def test_a_model_agrees_with_itself_and_less_with_another() -> None:
    source = [Position((5, 6), (-0.1, -2.4)), Position((7, 8), (-0.2, -1.8)), Position((9, 1), (-0.5, -1.0))]
    same = compare(source, [(5, (-0.1, -2.4)), (7, (-0.2, -1.8)), (9, (-0.5, -1.0))])
    assert same == Agreement(tokens=3, same=1.0, divergence=0.0)
    other = compare(source, [(6, (-2.4, -0.1)), (7, (-0.3, -1.5)), (9, (-0.5, -1.0))])
    assert other.same == pytest.approx(2 / 3)
    # 0.905 (-0.1 + 2.4) + 0.091 (-2.4 + 0.1) + 0.819 · 0.1 - 0.165 · 0.3, a third of it.
    assert other.divergence == pytest.approx((0.9048 * 2.3 - 0.0907 * 2.3 + 0.8187 * 0.1 - 0.1653 * 0.3) / 3, abs=1e-3)
    assert "take more bits" in other.words()
    assert "100.0%" in same.words()


def test_a_comparison_that_failed_says_why(wanted: exl2.Wanted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exl2, "CHECK", ("-c", "raise SystemExit('No CUDA GPUs are available')"))
    with pytest.raises(SlipstreamError, match="No CUDA GPUs"):
        exl2.agreement(wanted.source, wanted.source, nothing)
    said = '{"tokens": 4, "same": 0.75, "divergence": 0.2}'
    monkeypatch.setattr(exl2, "CHECK", ("-c", f"print('noise'); print('{said}')"))
    assert exl2.agreement(wanted.source, wanted.source, nothing).same == 0.75
