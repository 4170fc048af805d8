"""Which folders are workspaces that an index may be kept of."""

from pathlib import Path


def why_not(root: Path) -> str:
    """Why no index is kept of ``root`` (resolved), as the end of a sentence; empty where one may be."""
    try:
        home = Path.home()
        homes = {home, home.resolve()}
    except (OSError, RuntimeError):
        # There is none.
        return ""
    if any(root == it or root in it.parents for it in homes):
        return "it holds far more than one project."
    return ""
