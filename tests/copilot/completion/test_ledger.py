"""The record of what became of suggestions: numbers in a file of the user's own, from several writers at once."""

import sqlite3
import stat
import threading
import time
from pathlib import Path

import msgspec
import pytest

from copilot import paths
from copilot.completion.ledger import Ledger, clear, opened, summarise
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


def moment(outcome: Outcome, **more: float) -> Moment:
    return msgspec.structs.replace(SHOWN, outcome=outcome, waited_ms=None, **more)


def write(*moments: Moment) -> None:
    ledger = Ledger(paths.ledger_file())
    for one in moments:
        ledger.add(one)
    ledger.close()


def test_what_was_added_is_there_after_closing() -> None:
    write(SHOWN, moment(Outcome.ACCEPTED))
    with opened(paths.ledger_file()) as database:
        rows = database.execute("SELECT outcome, language, place, characters, lines, waited_ms FROM moment").fetchall()
    assert rows == [("shown", "python", "line_end", 9, 1, 80.0), ("accepted", "python", "line_end", 9, 1, None)]


def test_a_summary_counts_and_averages() -> None:
    times = [msgspec.structs.replace(SHOWN, waited_ms=waited) for waited in (10.0, 500.0, 90.0)]
    kept = [
        moment(Outcome.KEPT, share=1.0, after_s=30.0),
        moment(Outcome.KEPT, share=0.5, after_s=30.0),
        moment(Outcome.KEPT, share=0.25, after_s=180.0),
    ]
    write(*times, moment(Outcome.ACCEPTED), moment(Outcome.REJECTED), moment(Outcome.PARTIALLY_ACCEPTED), *kept)
    with opened(paths.ledger_file()) as database:
        summary = summarise(database, 0)
        assert summarise(database, time.time() + 60)["shown"] == 0
    assert summary == {
        "shown": 3, "accepted": 1, "partially_accepted": 1, "rejected": 1, "kept": 3,
        "waited_ms": 90.0, "kept_30": 0.75, "kept_180": 0.25,
    }  # fmt: skip


def test_nothing_recorded_is_a_summary_too() -> None:
    with opened(paths.ledger_file()) as database:
        summary = summarise(database, 0)
    assert (summary["shown"], summary["waited_ms"], summary["kept_30"]) == (0, None, None)


def test_only_its_owner_may_read_it() -> None:
    write(SHOWN)
    assert stat.S_IMODE(paths.ledger_file().stat().st_mode) == 0o600


def test_several_writers_lose_nothing() -> None:
    def many() -> None:
        write(*[SHOWN] * 200)

    threads = [threading.Thread(target=many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with opened(paths.ledger_file()) as database:
        assert summarise(database, 0)["shown"] == 800


def test_a_file_that_cannot_be_written_costs_only_the_record(home: Path) -> None:
    paths.ledger_file().mkdir(parents=True)
    write(SHOWN)
    assert paths.ledger_file().is_dir()


FIRST_VERSION = """
    CREATE TABLE moment (at REAL NOT NULL, outcome TEXT NOT NULL, language TEXT NOT NULL, place TEXT NOT NULL,
        characters INTEGER NOT NULL, lines INTEGER NOT NULL, waited_ms REAL, share REAL, after_s REAL);
    INSERT INTO moment VALUES (1.0, 'shown', 'c', 'line_end', 3, 1, 70.0, NULL, NULL);
    PRAGMA user_version = 1
"""


def test_a_file_of_the_first_version_is_brought_up_to_date() -> None:
    database = sqlite3.connect(paths.ledger_file())
    database.executescript(FIRST_VERSION)
    database.close()
    write(SHOWN)
    with opened(paths.ledger_file()) as database:
        assert database.execute("SELECT name FROM sqlite_master WHERE type = 'index'").fetchall() == [("moment_at",)]
        assert summarise(database, 0)["shown"] == 2


def test_a_file_of_a_later_version_is_written_to_all_the_same() -> None:
    with opened(paths.ledger_file()) as database:
        database.execute("ALTER TABLE moment ADD COLUMN mood TEXT")
        database.execute("PRAGMA user_version = 99")
    write(SHOWN)
    with opened(paths.ledger_file()) as database:
        assert summarise(database, 0)["shown"] == 1


def test_clearing_leaves_nothing_behind() -> None:
    write(*[msgspec.structs.replace(SHOWN, language="fortran")] * 3)
    with opened(paths.ledger_file()) as database:
        assert clear(database) == 3
        assert summarise(database, 0)["shown"] == 0
    assert b"fortran" not in paths.ledger_file().read_bytes()


def test_what_is_no_database_is_an_error_of_sqlite(home: Path) -> None:
    paths.ledger_file().write_bytes(b"something else, and long enough to be looked at" * 9)
    with pytest.raises(sqlite3.DatabaseError), opened(paths.ledger_file()):
        pass
