"""Files that say what may be seen: when one changes, everything is looked at again."""

import contextlib
from pathlib import Path
from typing import NamedTuple

from copilot.safety.repository import exclude_file, git_settings, top_of

RULES = frozenset({".gitignore", ".copilotignore"})
"""Their names in the workspace and in the folders around it."""


class RulesAround(NamedTuple):
    """What lies outside the workspace, as absolute paths. ``folders``: to be watched; ``files``: others than RULES."""

    folders: tuple[str, ...]
    files: frozenset[str]


def rules_around(root: Path) -> RulesAround:
    """Asks Git, and looks at the disk. The files need not exist."""
    above: list[Path] = []
    files: list[Path] = []
    top = top_of(root)
    if top is not None:
        above = [it for it in (root, *root.parents) if it.is_relative_to(top)][1:]
        if exclude := exclude_file(top):
            files.append(exclude)
    if (own := git_settings(root).excludes) is not None:
        # Links are not watched: the folder itself may be one, and so may the file.
        with contextlib.suppress(OSError, RuntimeError):
            files += [own.parent.resolve() / own.name, own.resolve()]
    folders = dict.fromkeys(map(str, [*above, *(it.parent for it in files)]))
    # Git may not have made its own yet: then it is waited for.
    waited = [it.parent for it in files if not it.parent.is_dir()]
    folders |= dict.fromkeys(str(it.parent) for it in waited)
    return RulesAround(tuple(folders), frozenset(map(str, [*files, *waited])))
