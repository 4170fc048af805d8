"""What is rarely what someone looks for: tests, and data of classes and functions. No I/O."""

import re

_TEST = re.compile(r"(?:^|/)(?:tests?|specs?|__tests__)/|(?:^|/)test_|_test\.\w+$|\.(?:test|spec)\.\w+$")

DATA_KINDS = frozenset({"field", "variable", "constant"})
"""Kinds of symbols; what their owners' signatures leave out is read in the code."""


def is_test(path: str) -> bool:
    """Whether it is a test by its name: it uses every name there is."""
    return _TEST.search(path) is not None
