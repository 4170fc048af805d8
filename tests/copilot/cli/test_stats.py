"""``slipstream stats``: the record in words, as JSON, and forgotten."""

import json

import msgspec
import pytest

from copilot import paths
from copilot.cli import main
from copilot.completion.ledger import Ledger
from copilot.completion.moment import Moment, Outcome
from copilot.context.request import CaretPlace

SHOWN = Moment(
    outcome=Outcome.SHOWN,
    suggestion=1,
    language="python",
    place=CaretPlace.LINE_END,
    characters=9,
    lines=1,
    waited_ms=80,
)


@pytest.fixture
def recorded() -> None:
    ledger = Ledger(paths.ledger_file())
    for outcome, count in {Outcome.SHOWN: 8, Outcome.ACCEPTED: 2, Outcome.REJECTED: 5}.items():
        for _ in range(count):
            waited = 80.0 if outcome is Outcome.SHOWN else None
            ledger.add(msgspec.structs.replace(SHOWN, outcome=outcome, waited_ms=waited))
    for share, after in ((1.0, 30.0), (0.5, 180.0)):
        ledger.add(msgspec.structs.replace(SHOWN, outcome=Outcome.KEPT, waited_ms=None, share=share, after_s=after))
    ledger.close()


def said(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    assert main(["stats", *args]) == 0
    return capsys.readouterr().out


def test_the_figures_in_words(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys).splitlines() == [
        "Suggestions in the last 30 days",
        "  shown               8",
        "  accepted            2 (25%)",
        "  partially accepted  0",
        "  rejected            5",
        "  kept                100% after 30 s, 50% after 180 s",
        "  first text          80 ms after the request, median",
    ]


def test_the_figures_as_json(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    figures = json.loads(said(capsys, "--json", "--days", "7"))
    assert figures["days"] == 7
    assert (figures["shown"], figures["accepted"], figures["acceptance_rate"]) == (8, 2, 0.25)
    assert (figures["kept_30"], figures["kept_180"], figures["waited_ms"]) == (1.0, 0.5, 80.0)


def test_older_records_are_left_out(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert "No suggestion was shown in the last 1e-09 days" in said(capsys, "--days", "1e-9")


def test_a_friendly_word_when_there_is_nothing_yet(capsys: pytest.CaptureFixture[str]) -> None:
    assert "Use Slipstream in an editor for a while" in said(capsys)
    assert json.loads(said(capsys, "--json"))["acceptance_rate"] is None
    assert said(capsys, "--clear") == "Nothing is recorded.\n"
    assert not paths.ledger_file().exists()


def test_clear_forgets_everything(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "--clear", "--yes") == "17 records are gone.\n"
    assert "No suggestion was shown" in said(capsys)


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("n", 1), ("", 1)])
def test_clear_asks(
    recorded: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, answer: str, status: int
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert main(["stats", "--clear"]) == status
    capsys.readouterr()
    assert ("No suggestion was shown" in said(capsys)) == (status == 0)


def test_clear_without_anyone_to_ask_does_nothing(recorded: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stats", "--clear"]) == 1
    assert "--clear --yes" in capsys.readouterr().err
    assert "shown               8" in said(capsys)


@pytest.mark.parametrize("days", ["0", "-1", "nan", "many", "1e9"])
def test_days_are_a_number_of_days(days: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["stats", f"--days={days}"])
    assert left.value.code == 2
    assert "--days" in capsys.readouterr().err


def test_a_broken_file_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    paths.ledger_file().write_bytes(b"something else, and long enough to be looked at" * 9)
    assert main(["stats"]) == 1
    said = capsys.readouterr().err
    assert str(paths.ledger_file()) in said
    assert "delete it" in said
