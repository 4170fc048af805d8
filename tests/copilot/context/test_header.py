"""What a document imports, where the model would not see it."""

from collections.abc import Callable

from copilot.context.candidates import Candidate, Source
from copilot.context.header import MOST, VISIBLE
from tests.copilot.context.tree import Tree, of

Plant = Callable[[dict[str, str]], Tree]
FAR = "x = 1\n" * (VISIBLE // 6 + 1)
STORE = "def open_store(path): ...\n"


def _header(found: list[Candidate]) -> list[Candidate]:
    return of(found, Source.HEADER)


def test_imports_far_above_are_shown_on_one_line_each(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    text = f'"""Doc."""\n\nimport os\nfrom app.store import (\n    open_store,\n    close_store,\n)\n\n{FAR}\n¦'
    (found,) = _header(tree.ask("app/main.py", text))
    assert found.text == "import os\nfrom app.store import open_store, close_store"
    assert (found.path, found.first, found.last) == ("app/main.py", 3, 7)


def test_imports_that_are_in_sight_are_not_repeated(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    text = f"import os\n{FAR}from app.store import open_store\n\nx = 2\n¦"
    (found,) = _header(tree.ask("app/main.py", text))
    assert found.text == "import os"
    assert not _header(tree.ask("app/main.py", "import os\n\nx = 2\n¦"))


def test_what_comes_from_one_module_stands_together(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    text = f"from app.store import open_store\nimport os\nfrom app.store import close_store as cs\n{FAR}¦"
    (found,) = _header(tree.ask("app/main.py", text))
    assert found.text == "from app.store import open_store, close_store as cs\nimport os"


def test_of_too_many_those_of_the_workspace_come_first(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    foreign = "".join(f"import some_library_{at}\n" for at in range(60))
    text = f"{foreign}from app.store import open_store\n{FAR}¦"
    (found,) = _header(tree.ask("app/main.py", text))
    assert found.text.endswith("\nfrom app.store import open_store")
    assert found.text.startswith("import some_library_0\n")
    assert len(found.text) <= MOST


def test_secrets_in_it_are_masked(plant: Plant) -> None:
    token = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
    tree = plant({"app/store.py": STORE})
    (found,) = _header(tree.ask("app/main.py", f"import os  # {token}\n{FAR}¦"))
    assert token[6:] not in found.text


def test_other_languages(plant: Plant) -> None:
    tree = plant({"app/store.ts": "export function openStore() {}\n"})
    text = "import {\n  openStore,\n  other,\n} from './store';\n" + "let x = 1;\n" * 200 + "¦"
    (found,) = _header(tree.ask("app/main.ts", text))
    assert found.text == "import {openStore, other} from './store';"
