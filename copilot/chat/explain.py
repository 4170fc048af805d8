"""Explain a piece of code. No I/O."""

from typing import NamedTuple

from copilot.chat.place import Place
from copilot.chat.question import Outcome, Turn
from copilot.chat.wording import clipped, conversation, fenced, surroundings, where, wish

_PIECE = 0.75


class Explain(NamedTuple):
    place: Place
    wish: str = ""

    @property
    def title(self) -> str:
        symbol = self.place.symbol
        within = symbol is not None and self.place.lines_of(symbol) == self.place.lines
        return f"Explain {symbol.name}" if symbol is not None and within else "Explain the selection"

    @property
    def most_tokens(self) -> int:
        return 700

    def turns(self, room: int) -> list[Turn]:
        place = self.place
        # Part of a line means just that part, not its line.
        part = place.selected and place.start[0] == place.end[0] and place.exact.strip() != place.piece.strip()
        piece = clipped(place.exact if part else place.piece, int(room * _PIECE))
        asked = (
            f"Explain what this {place.language} code does, for someone who reads it for the first time. "
            "Say what it is for, how it works, and what to beware of. Do not repeat the code.\n"
            f"{where(place)}\n{fenced(piece, place.language)}\n{surroundings(place, room - len(piece))}"
        )
        return conversation(asked + wish(self.wish))

    def read(self, answer: str, *, whole: bool) -> Outcome:
        return Outcome()
