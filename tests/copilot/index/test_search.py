"""What a question says, and what an index has for it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from copilot.index.reader import Reader
from copilot.index.search import Asked, Hit, asked, search
from tests.copilot.chat.indexed import index

FILES = {
    "src/ledger.py": '"""Books."""\n\n\nclass Ledger:\n    def add_entry(self, amount: int) -> None:\n'
    "        self.total += amount\n\n    def close(self) -> None:\n        pass\n",
    "src/report.py": "from src.ledger import Ledger\n\n\ndef monthly_report(ledger: Ledger) -> str:\n"
    "    return str(ledger.total)\n",
    "src/unused.py": "WIDTH = 3\n",
    "tests/test_ledger.py": "from src.ledger import Ledger\n\n\ndef test_add_entry() -> None:\n"
    "    Ledger().add_entry(3)\n",
}


@pytest.fixture
def reader(home: Path) -> Iterator[Reader]:
    root = home / "p"
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    index(root)
    reader = Reader.of(root.resolve())
    yield reader
    reader.close()


@pytest.mark.parametrize(
    ("question", "said"),
    [
        (
            "How does `add` call Ledger.add_entry()?",
            Asked(("add", "Ledger", "add_entry"), ("add", "call", "ledger", "add_entry"), ()),
        ),
        ("Why is src/ledger.py slow?", Asked((), ("src", "ledger", "slow"), ("src/ledger.py",))),
        ("Where are the entries reported?", Asked((), ("entries", "entry", "reported", "report", "reporte"), ())),
        ("what is this?", Asked((), (), ())),
    ],
)
def test_names_words_and_paths_are_told_apart(question: str, said: Asked) -> None:
    found = asked(question)
    assert set(said.names) <= set(found.names)
    assert (found.words, found.paths) == (said.words, said.paths)


def paths(hits: Sequence[Hit]) -> list[str]:
    return [it.path for it in hits]


def test_a_definition_that_is_named_comes_first_with_its_reasons(reader: Reader) -> None:
    best = search("What does add_entry() do?", reader)[0]
    assert (best.path, best.name, best.scope, best.first) == ("src/ledger.py", "add_entry", "Ledger", 5)
    assert best.reasons[0] == "defines add_entry"
    assert "says what was asked for" in best.reasons


def test_words_of_a_question_find_names_made_of_them(reader: Reader) -> None:
    assert search("How is the monthly report made?", reader)[0].name == "monthly_report"


def test_a_path_in_the_question_brings_its_file(reader: Reader) -> None:
    best = search("What is in unused.py?", reader)[0]
    assert best.path == "src/unused.py"
    assert any(it.startswith("was named") for it in best.reasons)


def test_tests_come_behind_code_unless_they_are_asked_for(reader: Reader) -> None:
    plain = paths(search("add_entry", reader))
    assert plain.index("src/ledger.py") < plain.index("tests/test_ledger.py")
    assert paths(search("Which tests check add_entry?", reader))[0] == "tests/test_ledger.py"


def test_nothing_is_found_for_nothing(reader: Reader) -> None:
    assert search("what is it?", reader) == []
    assert search("zebra unicorn", reader) == []


class Guess:
    """Another way of looking, such as by embeddings."""

    def ranked(self, question: str, limit: int) -> Sequence[Hit]:
        return [Hit("src/unused.py", 1, 1, reasons=("means the same",))]


def test_another_retriever_joins_in(reader: Reader) -> None:
    found = search("How is the monthly report made?", reader, others=[Guess()])
    guessed = next(it for it in found if it.path == "src/unused.py")
    assert guessed.reasons == ("means the same",)


def test_a_place_is_found_once(reader: Reader) -> None:
    hits = search("How does Ledger add an entry with add_entry()?", reader)
    places = [(it.path, it.first, it.last) for it in hits]
    assert len(places) == len(set(places))


@pytest.mark.parametrize("word", ["a", "-", "a.", "a/", "é"])
def test_a_question_that_is_one_long_word(word: str) -> None:
    said = asked(f"where is {word * 300_000} in copilot/x.py and ./setup.cfg")
    assert said.paths[-2:] == ("copilot/x.py", "setup.cfg")
