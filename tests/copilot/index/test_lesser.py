"""Which files are tests by their names."""

import pytest

from copilot.index.lesser import is_test


@pytest.mark.parametrize(
    "path", ["tests/a.py", "a/test/b.go", "src/__tests__/a.js", "test_a.py", "a/b_test.go", "a.spec.ts", "x/a.test.js"]
)
def test_tests(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", ["src/a.py", "contest/a.py", "latest.py", "testing/a.py", "a/attest_b.py"])
def test_others(path: str) -> None:
    assert not is_test(path)
