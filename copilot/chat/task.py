"""What can be asked for, by name. Values only."""

from enum import StrEnum


class Task(StrEnum):
    EXPLAIN = "explain"
    FIX = "fix"
    DOCUMENT = "document"
    TESTS = "tests"
    RENAME = "rename"
    COMMIT_MESSAGE = "commitMessage"
    CHAT = "chat"

    @property
    def label(self) -> str:
        """For people, where nothing more is known yet."""
        return _TITLES[self]

    @property
    def of_code(self) -> bool:
        """Whether it is about a place in a document."""
        return self not in {Task.COMMIT_MESSAGE, Task.CHAT}

    @property
    def proposes(self) -> bool:
        """Whether its answer is meant to become a change."""
        return self in {Task.FIX, Task.DOCUMENT, Task.TESTS, Task.RENAME}


_TITLES = {
    Task.EXPLAIN: "Explain",
    Task.FIX: "Fix",
    Task.DOCUMENT: "Document",
    Task.TESTS: "Generate tests",
    Task.RENAME: "Suggest names",
    Task.COMMIT_MESSAGE: "Commit message",
    Task.CHAT: "Chat",
}
