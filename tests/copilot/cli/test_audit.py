"""``slipstream audit``: what was recorded, whether it was changed, and a user forgotten."""

import json
from pathlib import Path

import pytest

from copilot import paths
from copilot.audit.chain import verify
from copilot.audit.events import Admitted, Ended, UserAdded
from copilot.audit.opening import bus_for
from copilot.cli import main
from copilot.config.settings import AuditSettings


@pytest.fixture
def folder() -> Path:
    bus = bus_for(AuditSettings(), shared=True)
    bus.publish(UserAdded(tenant="alice", by="root"))
    for number in range(3):
        bus.publish(Admitted(tenant="alice", request=f"a{number}", lane="inline"))
        bus.publish(Ended(tenant="bob", request=f"b{number}", reason="stop", generated_tokens=12, ttft_ms=81.5))
    assert bus.close()
    return paths.audit_dir()


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["audit", *args]) == 0
    return capsys.readouterr().out


def failed(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["audit", *args]) == 1
    return capsys.readouterr().err


def test_show_says_each_event_on_a_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "show").splitlines()
    assert len(lines) == 7
    assert lines[0][24:] == "  user_added     alice         by=root"
    assert lines[-1][24:] == "  ended          bob           request=b2 reason=stop generated_tokens=12 ttft_ms=81.5"


def test_show_can_be_narrowed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [json.loads(line) for line in said(capsys, "show", "--json", "--user", "bob", "--last", "2").splitlines()]
    assert [it["request"] for it in found] == ["b1", "b2"]
    assert "of nobody" in failed(capsys, "show", "--user", "nobody")


def test_names_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    bus = bus_for(AuditSettings(), shared=True)
    bus.publish(Admitted(tenant="\x1b[2Jx\r\n\u202e", client="a\nb"))
    assert bus.close()
    out = said(capsys, "show")
    assert out.count("\n") == 1
    assert not {"\x1b", "\r", "\u202e"} & set(out)


def test_verify_says_that_it_holds(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "verify").splitlines() == [
        "The chain holds: 7 lines in 1 files.",
        f"  last       {verify(folder).last}",
    ]


def test_verify_names_the_line_that_was_changed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (path,) = folder.glob("*.jsonl")
    path.write_bytes(path.read_bytes().replace(b'"b1"', b'"b9"'))
    error = failed(capsys, "verify")
    assert f"{path}, line 6" in error
    assert "changed" in error


def test_forget_forgets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "forget", "alice", "--yes") == "4 rows of alice are forgotten.\n"
    assert "alice" not in said(capsys, "show")
    assert "forgotten  4 lines" in said(capsys, "verify")
    assert "Nothing is recorded of alice" in failed(capsys, "forget", "alice", "--yes")


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_forget_asks(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["audit", "forget", "alice"]) == status
    capsys.readouterr()
    assert ("alice" not in said(capsys, "show")) == (status == 0)


def test_forget_without_anyone_to_ask_does_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--yes" in failed(capsys, "forget", "alice")
    assert "alice" in said(capsys, "show")


@pytest.mark.parametrize("action", [("show",), ("verify",), ("forget", "alice", "--yes")])
def test_where_nothing_is_recorded_it_says_so(action: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Nothing is recorded in {paths.audit_dir()}" in failed(capsys, *action)
    assert not paths.audit_dir().exists()


def test_a_copy_elsewhere_can_be_looked_at(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder.rename(tmp_path / "copy")
    assert "7 lines" in said(capsys, "verify", "--folder", str(tmp_path / "copy"))
    assert len(said(capsys, "show", "--folder", str(tmp_path / "copy")).splitlines()) == 7


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_the_last_are_a_number(count: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["audit", "show", f"--last={count}"])
    assert left.value.code == 2
