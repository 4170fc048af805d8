"""All sources together on a real index: what is fresh, what may be shown, what is switched off."""

import pytest

from copilot.context.candidates import Candidate, Region, Source
from copilot.context.retrieval import candidates
from copilot.index.schema import DATABASE
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import about, question

HELPER = "def frobnicate(table: str) -> int:\n    return len(table)\n"
MAIN = "from helper import frobnicate\n\nrows = frobnicate(¦"
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


def test_the_best_comes_first_and_each_text_once(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER, "other.py": "from helper import frobnicate\n\nx = frobnicate('a')\n"})
    found = tree.ask("main.py", MAIN)
    assert found[0].source is Source.DEFINITION
    assert [it.score for it in found] == sorted((it.score for it in found), reverse=True)
    assert len({(it.path, it.first, it.text) for it in found}) == len(found)


def test_as_a_function(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    assert candidates(question("main.py", MAIN), tree.reader, tree.gate) == tree.ask("main.py", MAIN)


def test_an_open_document_wins_over_disk_and_index(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    edited = HELPER.replace("table: str", "sheet: bytes")
    found = tree.ask("main.py", MAIN, buffers=(("helper.py", edited),))
    assert about(found, "frobnicate(sheet: bytes)")
    assert not about(found, "table: str")


def test_a_file_that_is_open_and_not_saved_yet(plant: Plant) -> None:
    tree = plant({"other.py": "x = 1\n"})
    assert about(tree.ask("main.py", MAIN, buffers=(("helper.py", HELPER),)), "def frobnicate")


def test_a_definition_that_was_deleted_in_the_editor_is_not_shown(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    assert not about(tree.ask("main.py", MAIN, buffers=(("helper.py", "x = 1\n"),)), "def frobnicate")


def test_a_file_that_changed_since_it_was_indexed_is_shown_as_it_is(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    tree.ask("main.py", MAIN)
    tree.write("helper.py", "\n\n" + HELPER.replace("table: str", "sheet: bytes"))
    (best, *_) = tree.ask("main.py", MAIN)
    assert "frobnicate(sheet: bytes)" in best.text
    assert best.first == 3


def test_a_file_that_is_gone_is_not_shown(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    (tree.root / "helper.py").unlink()
    assert tree.ask("main.py", MAIN) == []


def test_a_file_that_is_excluded_since_it_was_indexed_is_not_shown(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER, "a/user.py": "from helper import frobnicate\n\nx = frobnicate('a')\n"})
    assert tree.ask("main.py", MAIN)
    tree.write(".copilotignore", "helper.py\na/\n")
    tree.gate.forget()
    assert tree.ask("main.py", MAIN) == []


@pytest.mark.parametrize("path", [".env", "keys/id_rsa", "../outside.py"])
def test_what_must_not_be_seen_is_not_shown_whoever_gives_it(plant: Plant, path: str) -> None:
    tree = plant({"helper.py": HELPER})
    given = Candidate(path, 1, 1, "SECRET = 1", Source.LSP, 5.0, "given")
    region = Region(path, 1, 1, 1.0, True)
    assert about(tree.ask("main.py", MAIN, given=(given._replace(path="fine.py"),)), "SECRET")
    found = tree.ask(
        "main.py", MAIN, given=(given,), regions=(region,), buffers=((path, "frobnicate = SECRET\n"),), now=2.0
    )
    assert not about(found, "SECRET")


def test_a_secret_on_disk_is_masked(plant: Plant) -> None:
    tree = plant({"helper.py": f"def frobnicate(table):\n    return '{TOKEN}'\n"})
    found = tree.ask("main.py", MAIN)
    assert about(found, "def frobnicate")
    assert not about(found, TOKEN)


def test_a_source_that_is_off_finds_nothing(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER, "other.py": "from helper import frobnicate\n\nx = frobnicate('a')\n"})
    found = tree.ask("main.py", MAIN)
    sources = {it.source for it in found}
    assert {Source.DEFINITION, Source.CALLER} <= sources
    for source in sources:
        left = {it.source for it in tree.ask("main.py", MAIN, off=frozenset({source}))}
        assert source not in left
    assert tree.ask("main.py", MAIN, off=frozenset(Source)) == []


def test_what_is_given_is_passed_on(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    given = Candidate("helper.py", 2, 2, "    return len(table)", Source.LSP, 5.0, "defines `len`")
    assert tree.ask("main.py", MAIN, given=(given,))[0] == given


def test_the_file_itself_is_never_its_own_context(plant: Plant) -> None:
    text = "def frobnicate(a): ...\n\nfrobnicate(1)\nfrobnicate(2)\nfrobnicate(¦"
    tree = plant({"main.py": text.replace("¦", "3)"), "helper.py": HELPER})
    region = Region("main.py", 1, 3, 1.0, True)
    found = tree.ask("main.py", text, regions=(region,), buffers=(("main.py", text.replace("¦", "")),), now=1.0)
    assert not [it for it in found if it.path == "main.py"]


def test_without_an_index_open_documents_still_help(plant: Plant) -> None:
    tree = plant({})
    (tree.root.parent / "index" / DATABASE).unlink()  # As if it had never been made.
    assert about(tree.ask("main.py", MAIN, buffers=(("helper.py", HELPER),)), "def frobnicate")


@pytest.mark.parametrize("text", ["¦", "\n\n¦\n", "((((¦", "import\nfrom\nfrom .\n¦", "class (¦", "x = 'é\U0001f600¦'"])
def test_unfinished_text_is_no_trouble(plant: Plant, text: str) -> None:
    tree = plant({"helper.py": HELPER})
    assert all(it.path == "helper.py" for it in tree.ask("main.py", text))


def test_a_caret_that_is_not_in_the_text_is_no_trouble(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER})
    beyond = question("main.py", MAIN)._replace(line=99, column=99)
    assert tree.retriever.candidates(beyond)


def test_what_is_read_with_one_question_is_limited_and_the_next_goes_on(plant: Plant) -> None:
    files = {f"m{at}.py": f"def name_of_{at}(given):\n    return given + {at}\n" for at in range(6)}
    tree = plant(files)
    text = "".join(f"from m{at} import name_of_{at}\n" for at in range(6))
    text += "\n" + "\n".join(f"name_of_{at}(1)" for at in range(6)) + "\n¦"
    bodies = [len(about(tree.ask("main.py", text), "return given")) for _ in range(4)]
    assert 0 < bodies[0] < bodies[-1] == 6
    assert not tree.retriever.unfinished


def test_all_of_it_at_once(plant: Plant) -> None:
    files = {f"m{at}.py": f"def name_of_{at}(given):\n    return given + {at}\n" for at in range(6)}
    tree = plant(files)
    text = "".join(f"from m{at} import name_of_{at}\n" for at in range(6)) + "\n"
    text += "\n".join(f"name_of_{at}(1)" for at in range(6)) + "\n¦"
    assert len(about(tree.retriever.complete(question("main.py", text)), "return given")) == 6


def test_a_file_that_can_not_be_read_does_not_stand_in_the_way(plant: Plant) -> None:
    files = {f"m{at}.py": f"def name_of_{at}(given):\n    return given + {at}\n" for at in range(6)}
    tree = plant(files)
    for at in range(4):
        (tree.root / f"m{at}.py").write_bytes(b"\0")
    text = "".join(f"from m{at} import name_of_{at}\n" for at in range(6)) + "\n"
    text += "\n".join(f"name_of_{at}(1)" for at in range(6)) + "\n¦"
    assert len(about(tree.retriever.complete(question("main.py", text)), "return given")) == 2
    assert not tree.retriever.unfinished
