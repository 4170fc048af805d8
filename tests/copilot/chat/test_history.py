"""On a real SQLite file."""

import sqlite3
from pathlib import Path

import pytest

from copilot.chat import database
from copilot.chat.attachments import Attachment, AttachmentKind
from copilot.chat.database import MIGRATIONS, moved_aside, opened, opened_in_memory
from copilot.chat.export import as_json, as_markdown
from copilot.chat.history import History, Summary
from copilot.chat.thread import Figures, Message, MessageState
from copilot.errors import SlipstreamError


@pytest.fixture
def file(home: Path) -> Path:
    return home / "state" / "conversations.sqlite"


@pytest.fixture
def history(file: Path) -> History:
    times = iter(range(1_000, 100_000))
    return History(opened(file), clock=lambda: float(next(times)))


def talk(history: History, question: str, answer: str, title: str = "A talk") -> int:
    number = history.start("/projects/p", title)
    asked = history.add(number, None, "user", question)
    history.add(number, asked.id, "assistant", answer)
    return number


def everything(file: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(file.parent.iterdir()))


def test_what_was_said_is_there_when_the_file_is_opened_again(history: History, file: Path) -> None:
    number = history.start("/projects/p", "First")
    source = Attachment(kind=AttachmentKind.FILE, label="a.py", text="x = 1", path="a.py", uri="u")
    asked = history.add(number, None, "user", "What is x? é🦀", attachments=(source,))
    answer = history.add(number, asked.id, "assistant", "", state=MessageState.RUNNING)
    done = Message(
        id=answer.id,
        parent=asked.id,
        role="assistant",
        text="1",
        model="m",
        created=answer.created,
        figures=Figures(ttft_ms=12.5, generated_tokens=3),
    )
    history.save(done)
    thread = History(opened(file)).thread(number)
    assert thread.branch() == [asked, done]
    assert thread.leaf == answer.id


def test_only_its_owner_may_read_it(history: History, file: Path) -> None:
    assert file.stat().st_mode & 0o077 == 0


def test_versions_are_branches_and_the_one_looked_at_is_kept(history: History, file: Path) -> None:
    number = talk(history, "Q", "A1")
    thread = history.thread(number)
    question = thread.branch()[0]
    history.add(number, question.id, "assistant", "A2")
    thread = history.thread(number)
    assert [thread[it].text for it in thread.versions(thread.leaf or 0)] == ["A1", "A2"]
    assert thread.branch()[-1].text == "A2"
    history.look_at(number, thread.show(thread.versions(thread.leaf or 0)[0]))
    assert History(opened(file)).thread(number).branch()[-1].text == "A1"


def test_a_version_is_shown_to_its_newest_end(history: History) -> None:
    number = talk(history, "Q", "A1")
    first = history.thread(number).branch()[1]
    follow = history.add(number, first.id, "user", "more")
    other = history.add(number, None, "user", "Q reworded")
    thread = history.thread(number)
    assert thread.leaf == other.id
    assert thread.show(first.parent or 0) == follow.id
    assert [it.text for it in thread.branch()] == ["Q", "A1", "more"]


def test_lists_are_pinned_first_then_newest(history: History) -> None:
    one, two, three = (talk(history, f"q{at}", "a", f"T{at}") for at in range(3))
    history.pin(one, pinned=True)
    assert [it.id for it in history.entries()] == [one, three, two]
    history.rename(two, "  A new\nname ")
    assert {it.id: it.title for it in history.entries()}[two] == "A new name"


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("quick", ["fox"]),
        ("qui", ["fox"]),
        ("quick fox", ["fox"]),
        ("FOX", ["fox"]),
        ("über", ["german"]),
        ("100%", ["german"]),
        ('"', []),
        ("* OR NEAR(", []),
        ("nothing", []),
        ("german", ["german"]),
    ],
)
def test_search_finds_words_and_titles_whatever_is_typed(history: History, search: str, found: list[str]) -> None:
    talk(history, "the quick brown fox", "jumps", "fox")
    talk(history, "eine Frage", "über 100% sicher", "german")
    assert [it.title for it in history.entries(search)] == found


def test_what_is_found_is_shown_where_it_stands(history: History) -> None:
    talk(history, "before " * 30 + "needle " + "after " * 30, "a")
    (entry,) = history.entries("needle")
    assert "needle" in entry.excerpt
    assert len(entry.excerpt) < 200


def test_an_edit_is_found_and_what_it_replaced_is_not(history: History) -> None:
    number = talk(history, "q", "oldword")
    answer = history.thread(number).branch()[-1]
    history.save(Message(id=answer.id, parent=answer.parent, role="assistant", text="newword"))
    assert history.entries("oldword") == []
    assert len(history.entries("newword")) == 1


def test_what_is_deleted_is_gone_from_the_disk(history: History, file: Path) -> None:
    talk(history, "stays", "stays")
    number = talk(history, "verysecretquestion", "verysecretanswer " * 500, "verysecrettitle")
    history.summarise(number, Summary("verysecretsummary", None))
    assert b"verysecret" in everything(file)
    history.delete(number)
    assert b"verysecret" not in everything(file)
    assert history.entries("verysecretquestion") == []
    assert len(history.entries()) == 1
    history.delete_all()
    assert b"stays" not in everything(file)


def test_an_answer_that_nobody_finishes_says_so(history: History, file: Path) -> None:
    number = history.start()
    asked = history.add(number, None, "user", "q")
    answer = history.add(number, asked.id, "assistant", "", state=MessageState.RUNNING)
    history.save(Message(id=answer.id, parent=asked.id, role="assistant", text="half", state=MessageState.RUNNING))
    again = History(opened(file)).thread(number).branch()[-1]
    assert (again.state, again.text) == (MessageState.FAILED, "half")
    assert "closed" in again.note


def test_half_a_character_from_a_clipboard_is_no_reason_to_lose_the_rest(history: History) -> None:
    number = talk(history, "a\ud83d b", "ok")
    assert history.thread(number).branch()[0].text == "a? b"


def test_a_file_of_an_earlier_version_is_brought_up(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = History(opened(file))
    talk(first, "old", "talk")
    added = (*MIGRATIONS, ("ALTER TABLE conversation ADD COLUMN colour TEXT NOT NULL DEFAULT 'blue'",))
    monkeypatch.setattr(database, "MIGRATIONS", added)
    with opened(file) as connection:
        assert connection.execute("SELECT title, colour FROM conversation").fetchall() == [("A talk", "blue")]


def test_a_migration_that_fails_changes_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    talk(History(opened(file)), "old", "talk")
    broken = (*MIGRATIONS, ("CREATE TABLE extra (x)", "NONSENSE"))
    monkeypatch.setattr(database, "MIGRATIONS", broken)
    with pytest.raises(SlipstreamError, match="cannot be opened"):
        opened(file)
    monkeypatch.undo()
    connection = opened(file)
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'extra'").fetchone() == (0,)
    assert len(History(connection).entries()) == 1


@pytest.mark.parametrize("content", [b"no database at all" * 100, None])
def test_a_file_that_is_none_is_said_and_moved_aside(file: Path, content: bytes | None) -> None:
    file.parent.mkdir(parents=True)
    if content is None:
        with sqlite3.connect(file) as newer:
            newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    else:
        file.write_bytes(content)
    with pytest.raises(SlipstreamError) as caught:
        opened(file)
    assert caught.value.code == "history_broken"
    assert str(file) in caught.value.message
    old = file.read_bytes()
    aside = moved_aside(file)
    assert aside.read_bytes() == old
    assert History(opened(file)).entries() == []


def test_without_a_file_it_works_as_well() -> None:
    history = History(opened_in_memory())
    talk(history, "q", "a")
    assert len(history.entries("q")) == 1


def test_two_windows_may_write_at_once(file: Path) -> None:
    one, two = History(opened(file)), History(opened(file))
    talk(one, "from one", "a")
    talk(two, "from two", "a")
    assert len(one.entries()) == len(two.entries()) == 2


def test_an_export_can_be_read(history: History) -> None:
    number = history.start("/projects/p", "On reading")
    source = Attachment(kind=AttachmentKind.FILE, label="a.py", text="x", path="a.py", uri="u")
    pasted = Attachment(kind=AttachmentKind.TEXT, label="Pasted", text="```\ntrace\n```")
    asked = history.add(number, None, "user", "Why?", attachments=(source, pasted))
    history.add(number, asked.id, "assistant", "First try", state=MessageState.STOPPED, model="m1")
    second = history.add(number, asked.id, "assistant", "Because.", model="m1")
    entry = history.entry(number)
    assert entry is not None
    text = as_markdown(entry, history.thread(number))
    assert text.startswith("# On reading\n")
    assert "Attached: `a.py`" in text
    assert "````\n```\ntrace" in text
    assert "Because." in text
    assert "First try" not in text
    whole = as_json(entry, history.thread(number), history.summary(number))
    assert '"First try"' in whole
    assert f'"leaf": {second.id}' in whole
    history.look_at(number, second.id - 1)
    assert "stopped by the user" in as_markdown(entry, history.thread(number))
