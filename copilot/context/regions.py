"""Where someone was lately: regions of files that were edited, or looked at for a moment. No I/O, no clock."""

from copilot.context.candidates import Region

MOST = 48
"""Regions that are remembered; the oldest go first."""

_MERGE = 8
"""Lines between two edits that are one piece of work."""

_AROUND = 12
"""Lines above and below a caret that someone is taken to have read."""


class Regions:
    def __init__(self) -> None:
        self._regions: list[Region] = []
        """The newest last."""

    @property
    def newest_first(self) -> tuple[Region, ...]:
        return tuple(reversed(self._regions))

    def edited(self, path: str, line: int, removed: int, added: int, now: float) -> None:
        """An edit at ``line`` (from 1) took away so many line ends and put so many there."""
        moved = [_shifted(it, line, added - removed) if it.path == path else it for it in self._regions]
        self._regions = moved
        self._add(Region(path, line, line + added, now, edited=True))

    def viewed(self, path: str, line: int, now: float) -> None:
        """The caret came to rest at ``line`` (from 1)."""
        self._add(Region(path, max(1, line - _AROUND), line + _AROUND, now, edited=False))

    def _add(self, new: Region) -> None:
        kept = []
        for it in self._regions:
            if it.path == new.path and it.edited == new.edited and _near(it, new):
                new = new._replace(first=min(it.first, new.first), last=max(it.last, new.last))
                if not new.edited:
                    # Reading on down a file is no region of its whole length.
                    new = new._replace(first=max(new.first, new.last - 4 * _AROUND))
            else:
                kept.append(it)
        self._regions = [*kept, new][-MOST:]


def _near(one: Region, other: Region) -> bool:
    return one.first - _MERGE <= other.last and other.first - _MERGE <= one.last


def _shifted(region: Region, line: int, by: int) -> Region:
    if by == 0 or region.last < line:
        return region
    first = region.first + by if region.first > line else region.first
    first = max(1, first)
    return region._replace(first=first, last=max(first, region.last + by))
