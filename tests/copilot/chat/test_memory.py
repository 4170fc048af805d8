from pathlib import Path

import pytest

from copilot.chat.database import opened
from copilot.chat.memory import Memory, wished


@pytest.fixture
def memory(home: Path) -> Memory:
    return Memory(opened(home / "c.sqlite"), clock=lambda: 1.0)


def test_facts_hold_everywhere_or_in_one_workspace(memory: Memory) -> None:
    memory.keep("Use pytest")
    memory.keep("We target 3.11", "/projects/p")
    memory.keep("Tabs", "/projects/other")
    assert [it.text for it in memory.facts("/projects/p")] == ["Use pytest", "We target 3.11"]
    assert [it.text for it in memory.facts("")] == ["Use pytest"]
    assert len(memory.facts()) == 3


def test_nothing_is_kept_twice_or_empty(memory: Memory) -> None:
    for text in ("Use pytest", " Use\n pytest ", "", "  "):
        memory.keep(text)
    memory.keep("Use pytest", "/projects/p")
    assert [it.text for it in memory.facts()] == ["Use pytest"]


def test_a_fact_can_be_changed_and_forgotten_for_real(memory: Memory, home: Path) -> None:
    memory.keep("thesecretfact")
    (fact,) = memory.facts()
    memory.change(fact.id, "another", "/w")
    assert memory.facts()[0].text == "another"
    memory.change(fact.id, "thesecretfact", "")
    memory.forget(fact.id)
    assert memory.facts() == []
    assert b"thesecretfact" not in b"".join(it.read_bytes() for it in home.glob("c.sqlite*"))


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("Remember that we use pytest.", "We use pytest"),
        ("Fix this. From now on use tabs!", "From now on use tabs"),
        ("We target Python 3.11. Why does this fail?", "We target Python 3.11"),
        ("please always use type hints", "Always use type hints"),
        ("What does this do?", None),
        ("I wonder whether we use this", None),
        ("Do we use pytest?", None),
    ],
)
def test_a_wish_is_heard_where_one_is_meant(question: str, fact: str | None) -> None:
    assert wished(question) == fact
