"""The rules file of a workspace: its conventions, which a model reads once someone trusts them.

A workspace may come from anyone, and rules are words that a model follows. So they count only while the file is, byte
for byte, the one that its reader agreed to; that is kept in the user's own folder, by workspace and hash.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import NamedTuple

import msgspec

from copilot import paths
from copilot.config.kept import KeptByWorkspace
from copilot.errors import SlipstreamError
from copilot.safety.inside import LinkError, NotRegularError, open_file
from copilot.safety.invisible import with_invisible_shown, without_invisible
from copilot.safety.secrets import masked
from copilot.text.line_ends import to_newlines

RULES_FILE = ".slipstream.md"
NEVER_CHOSEN = frozenset({RULES_FILE, ".copilotignore", ".gitignore"})
"""Files that no search puts into a prompt: what they say counts as rules or not at all."""

MOST_BYTES = 16_384
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)


class Rules(NamedTuple):
    """``shown``: the whole file for people, with what nobody sees written out. ``used``: what a model reads, without
    comments and invisible characters. ``digest``: SHA-256 of the file's bytes, in hex.

    ``asked``: the user was asked about this very file and has not agreed.
    """

    shown: str
    used: str
    digest: str
    invisible: int
    trusted: bool
    asked: bool

    @property
    def lines(self) -> int:
        return self.used.count("\n") + 1 if self.used else 0

    @property
    def question(self) -> str:
        """What the user is asked, once for each content; of trusted rules that they are used."""
        said = [f"{self.lines} line{'s' if self.lines != 1 else ''}"]
        if self.invisible:
            said.append(f"{self.invisible} invisible character{'s' if self.invisible != 1 else ''} removed")
        if self.trusted:
            return f"Slipstream follows this workspace's rules in {RULES_FILE} ({', '.join(said)})."
        return f"This workspace has rules for Slipstream in {RULES_FILE} ({', '.join(said)}). Use them?"


class _Said(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """About one workspace: the content that is trusted, and the one that was asked about in vain."""

    trusted: str = ""
    declined: str = ""


def parsed(data: bytes) -> tuple[str, str, int]:
    """``shown``, ``used`` and how many invisible characters were in it. Raises ``UnicodeDecodeError``."""
    text = to_newlines(data.decode("utf-8-sig"))
    # First what hides: it may stand inside the mark of a comment.
    visible = without_invisible(text, code=True)
    used = visible
    while (less := _COMMENT.sub("", used)) != used:
        used = less
    used = re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in used.split("\n"))).strip()
    return with_invisible_shown(masked(text)[0]), masked(used)[0], len(text) - len(visible)


def read_rules(root: Path) -> Rules | None:
    """The rules of the workspace in ``root``, None where there are none.

    Raises :class:`SlipstreamError` ``rules_not_read`` for a file that cannot be used as rules.
    """
    try:
        with os.fdopen(open_file(root, RULES_FILE), "rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except (LinkError, NotRegularError):
        raise _not_read("is a link or no regular file") from None
    except OSError as error:
        raise _not_read(f"cannot be read: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise _not_read(f"is larger than {MOST_BYTES // 1024} KB", "Shorten it: a model reads all of it each time.")
    try:
        shown, used, invisible = parsed(data)
    except UnicodeDecodeError:
        raise _not_read("is no UTF-8 text") from None
    if not used:
        return None
    digest = hashlib.sha256(data).hexdigest()
    said = _kept().of(root)
    return Rules(shown, used, digest, invisible, said.trusted == digest, said.declined == digest)


def trust(root: Path, digest: str) -> None:
    """Use rules of this content from here on. Raises :class:`SlipstreamError` ``not_kept``."""
    _kept().change(root, lambda said: _Said(trusted=digest))


def decline(root: Path, digest: str) -> None:
    """Do not ask about this content again; nothing else changes."""
    _kept().change(root, lambda said: msgspec.structs.replace(said, declined=digest))


def distrust(root: Path) -> None:
    """Use no rules of this workspace, and ask about none of the content that was trusted or asked about before."""
    _kept().change(root, lambda said: _Said(declined=said.trusted or said.declined))


def trusted_rules(root: Path) -> str:
    """What a model reads of the rules; empty where there are none, none that can be used, or none that is trusted."""
    try:
        rules = read_rules(root)
    except SlipstreamError:
        return ""
    return rules.used if rules is not None and rules.trusted else ""


def _not_read(why: str, hint: str = "") -> SlipstreamError:
    return SlipstreamError(f"{RULES_FILE} {why}, so it is not used.", hint=hint, code="rules_not_read")


def _kept() -> KeptByWorkspace[_Said]:
    return KeptByWorkspace(paths.trust_file(), _Said)
