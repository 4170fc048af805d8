"""Secrets in a question masked before a model sees it, and put back into the code that it writes. No I/O.

A model that corrects code with a secret in it writes the placeholder where the secret was; what is offered as a change
must have the secret there, or the change would destroy it.
"""

from collections.abc import Iterable

from copilot.chat.question import Turn
from copilot.safety.secrets import masked, secrets_in


class Masking:
    """Of one question. Two secrets with one placeholder can't be told apart, so neither is put back."""

    def __init__(self) -> None:
        self._secrets: dict[str, str | None] = {}

    def turns(self, turns: Iterable[Turn]) -> list[Turn]:
        """The same with placeholders of the same length."""
        return [{**turn, "content": self._masked(turn["content"])} for turn in turns]

    def restored(self, text: str) -> str:
        """``text`` of the model with the secrets where it wrote their placeholders."""
        # The longest first: one placeholder may be the beginning of another.
        for stand_in in sorted(self._secrets, key=len, reverse=True):
            secret = self._secrets[stand_in]
            if secret is not None:
                text = text.replace(stand_in, secret)
        return text

    def left_in(self, text: str) -> bool:
        """Whether ``text`` has a placeholder that nothing can be put in place of."""
        return any(secret is None and stand_in in text for stand_in, secret in self._secrets.items())

    def _masked(self, text: str) -> str:
        shown, _ = masked(text)
        if shown != text:
            for start, end in _differences(text, shown):
                stand_in, secret = shown[start:end], text[start:end]
                known = self._secrets.get(stand_in, secret)
                # A short one is only letters x, which may stand anywhere.
                sure = known == secret and "REDACTED" in stand_in
                self._secrets[stand_in] = secret if sure else None
        return shown


def without_secrets(turns: Iterable[Turn]) -> list[Turn]:
    """For an answer that is read and not applied."""
    return Masking().turns(turns)


def with_secrets_of(document: str, code: str) -> str:
    """``code`` that a model wrote which saw ``document`` without its secrets, with them."""
    if "REDACTED" not in code:
        return code
    masking = Masking()
    masking.turns([{"role": "user", "content": document}])
    return masking.restored(code)


def _differences(text: str, shown: str) -> list[tuple[int, int]]:
    """Where secrets stood. Masking may find another once the first ones are masked, so that is looked for as well."""
    found = [(it.start, it.end) for it in secrets_in(text)]
    covered = [(start, end) for start, end in found if text[start:end] != shown[start:end]]
    rest = [at for at in range(len(text)) if text[at] != shown[at] and not any(a <= at < b for a, b in covered)]
    for at in rest:
        if covered and covered[-1][1] == at:
            covered[-1] = (covered[-1][0], at + 1)
        else:
            covered.append((at, at + 1))
    return covered
