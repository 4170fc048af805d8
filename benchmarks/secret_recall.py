"""How many secrets are found, how often something else is taken for one, and how fast the search is.

Recall: drawn secrets of each vendor's form in three surroundings; a secret is found when no part of it can be read in
the masked text. False alarms: what is masked in Python's own library and in a sample of the installed packages, where
no secrets are (what is printed with ``--show`` tells). Speed: clean texts, and texts made to be slow.

    python -m benchmarks.secret_recall [--samples 20] [--files 1000] [--seed 1] [--show]

Goals: 99.5 % of what has a form of its own, 98 % of what is told by structure or a vendor's name, 80 % of generic
assignments; at most 0.05 false alarms in 1,000 lines; at least 20 MB/s and at most 0.3 ms for 4,000 characters of clean
code; at most 50 ms for 64 KiB that are made to be slow. Exit status 1 when one is missed.
"""

import argparse
import random
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from copilot.safety.secrets import masked, secrets_in
from tests.copilot.safety import secret_samples as samples

RECALL_GOALS = {"form": 0.995, "structure": 0.98, "generic": 0.80}
ALARM_GOAL = 0.05
SPEED_GOAL, WINDOW_GOAL_MS, SLOW_GOAL_MS = 20.0, 0.3, 50.0
WINDOW = 4_000

_SLOW = 64 * 1024
SLOW_TEXTS = {
    "one character": "a",
    "dashes": "-",
    "quotes": "\"'",
    "escaped quotes": '\\"',
    "a name and a quote": 'password = "',
    "names": "password",
    "keys": "key",
    "names and signs": "token=",
    "key tokens": "secret_key_token_",
    "passwords in quotes": "\"password': '",
    "blanks": " ",
    "name and blanks": "token                    ",
    "addresses": "://a:",
    "address and dots": "://a.b.c:d",
    "beginnings of keys": "-----BEGIN PRIVATE KEY-----\n",
    "ends of keys": "-----END PRIVATE KEY-----\n",
    "beginning, then lines": "-----BEGIN PRIVATE KEY-----\n" + ("A" * 63 + "\n") * 70,
    "base64": "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ej",
    "web tokens": "eyJhbGciOiJIUzI1NiJ9.",
    "prefixes": "sk-ant-ghp_xoxb-",
    "dots": "a.",
    "bearer": "bearer ",
    "signatures": "?sig=aaaaaaaa",
    "webhooks": "hooks.slack.com/a/b/",
    "tilde": "Q~",
    "server lines": "server=a;password=b1;",
    "annotations": "password: a | b | c ",
    "non-ASCII": "ключ = 'ö';",
}


def found(text: str, parts: Iterable[str]) -> bool:
    out = masked(text)[0]
    return not any(part in out for part in parts)


def recall(count: int, seed: int) -> bool:
    chance = random.Random(seed)
    results: dict[tuple[str, str], list[bool]] = {}
    for provider, forms in samples.PREFIXED:
        for _ in range(count):
            sample = samples.prefixed(provider, forms, chance)
            for surrounding in samples.SURROUNDINGS.values():
                text = samples.placed(sample, surrounding)
                results.setdefault(("form", provider), []).append(found(text, sample.parts))
    for provider, name, form in samples.NAMED:
        for _ in range(count):
            sample = samples.named(provider, name, form, chance)
            for surrounding in samples.NAMED_SURROUNDINGS.values():
                text = samples.placed(sample, surrounding)
                results.setdefault(("structure", provider), []).append(found(text, sample.parts))
    for _ in range(3 * count):
        for sample in samples.structured(chance):
            results.setdefault(("structure", sample.provider), []).append(found(sample.value, sample.parts))
        for kind in ("RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED "):
            key = samples.private_key(chance, kind)
            for text in (key, key[: len(key) // 2], key[len(key) // 2 :], "K = " + repr(key)):
                lines = [line for line in key.split("\n")[1:-2] if line in text]
                results.setdefault(("structure", "private key"), []).append(found(text, lines))
    for surrounding_name, surrounding in samples.GENERIC_SURROUNDINGS.items():
        for _ in range(5 * count):
            sample = samples.generic(chance)
            text = samples.placed(sample, surrounding)
            results.setdefault(("generic", surrounding_name), []).append(found(text, sample.parts))
    good = True
    print(f"{'kind':<10} {'rules':>6} {'secrets':>8} {'found':>8}   missed most")
    for kind, goal in RECALL_GOALS.items():
        rows = {name: hits for (one, name), hits in results.items() if one == kind}
        hits, total = sum(map(sum, rows.values())), sum(map(len, rows.values()))
        worst = sorted((sum(row) / len(row), name) for name, row in rows.items())[:6]
        misses = ", ".join(f"{name} {share:.1%}" for share, name in worst if share < 1)
        good &= hits / total >= goal
        print(f"{kind:<10} {len(rows):>6} {total:>8} {hits / total:>8.2%}   {misses}")
    return good


def alarms(files: int, seed: int, show: bool) -> tuple[bool, list[str]]:
    """Whether the goal is met, and the texts."""
    library = Path(sysconfig.get_paths()["stdlib"])
    own = [path for path in sorted(library.rglob("*.py")) if "site-packages" not in path.parts]
    packages = sorted(Path(sysconfig.get_paths()["purelib"]).rglob("*.py"))
    random.Random(seed).shuffle(packages)
    good, texts = True, []
    print(f"\n{'false alarms':<18} {'files':>6} {'lines':>9} {'alarms':>7} {'in 1,000':>9}")
    for name, paths in (("standard library", own), ("installed packages", packages[:files])):
        lines, rules = 0, Counter[str]()
        for path in paths:
            try:
                text = path.read_text()
            except (OSError, UnicodeDecodeError):
                continue
            texts.append(text)
            lines += text.count("\n")
            for secret in secrets_in(text):
                rules[secret.rule] += 1
                if show:
                    begin = text.rfind("\n", 0, secret.start) + 1
                    print(f"    {path.name}: {secret.rule}: {text[begin : secret.end + 20].strip()[:150]!r}")
        share = 1_000 * rules.total() / max(1, lines)
        good &= share <= ALARM_GOAL
        print(f"{name:<18} {len(paths):>6} {lines:>9} {rules.total():>7} {share:>9.4f}   {dict(rules.most_common(5))}")
    return good, texts


def _milliseconds(text: str) -> float:
    """The best of five, in time of the processor: what other programs do meanwhile is not ours."""
    best = float("inf")
    for _ in range(5):
        begin = time.thread_time()
        secrets_in(text)
        best = min(best, 1e3 * (time.thread_time() - begin))
    return best


def speed(texts: list[str], seed: int) -> bool:
    clean = [text for text in texts if not secrets_in(text)]
    whole = sum(map(_milliseconds, clean))
    rate = sum(map(len, clean)) / whole / 1e3
    chance = random.Random(seed)
    windows = []
    for text in chance.choices([text for text in clean if len(text) > 2 * WINDOW], k=1_000):
        at = chance.randrange(len(text) - WINDOW)
        windows.append(_milliseconds(text[at : at + WINDOW]))
    windows.sort()
    median, tail = windows[len(windows) // 2], windows[int(0.99 * len(windows))]
    print(f"\nclean code: {rate:.1f} MB/s; {WINDOW} characters: p50 {median:.3f} ms, p99 {tail:.3f} ms")
    slow = sorted(((_milliseconds((part * _SLOW)[:_SLOW]), name) for name, part in SLOW_TEXTS.items()), reverse=True)
    print("64 KiB made to be slow: " + ", ".join(f"{name} {took:.1f} ms" for took, name in slow[:6]))
    return rate >= SPEED_GOAL and median <= WINDOW_GOAL_MS and slow[0][0] <= SLOW_GOAL_MS


def main() -> int:
    parser = argparse.ArgumentParser(description="Secrets found, false alarms and speed.")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--files", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print each false alarm")
    options = parser.parse_args()
    found_enough = recall(options.samples, options.seed)
    few_alarms, texts = alarms(options.files, options.seed, options.show)
    fast = speed(texts, options.seed)
    print("goals: " + ("met" if found_enough and few_alarms and fast else "MISSED"))
    return 0 if found_enough and few_alarms and fast else 1


if __name__ == "__main__":
    sys.exit(main())
