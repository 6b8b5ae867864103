"""Axes that a drawing and its script share."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from distill_lib.companion.site.drawings.pen import Point, arrow, path, sign, word

Range = tuple[float, float]


@dataclass(frozen=True)
class Axes:
    """Where numbers are drawn: `x` and `y` are what the ends of the axes stand for.

    `log` names the axes on which powers are equally far apart, "", "x", "y" or "xy".
    """

    x: Range
    y: Range
    log: str = ""
    left: float = 44
    right: float = 346
    low: float = 160
    top: float = 16

    def across(self, x: float) -> float:
        """The place of a number on the lower axis."""
        return self.left + (self.right - self.left) * _share(x, self.x, "x" in self.log)

    def up(self, y: float) -> float:
        """The height of a number; what lies beyond the axis lies on its end."""
        share = _share(y, self.y, "y" in self.log)
        return self.low + (self.top - self.low) * min(max(share, 0), 1)

    def at(self, x: float, y: float) -> Point:
        """The place of both."""
        return self.across(x), self.up(y)

    def data(self, name: str) -> str:
        """The attributes that the script reads: whose figure it is, and the axes."""
        ends = (self.left, self.right, *self.x, self.low, self.top, *self.y)
        numbers = " ".join(f"{end:g}" for end in ends)
        return f'data-live="{name}" data-axes="{numbers}" data-log="{self.log}"'

    def drawn(self, below: Iterable[tuple[float, str]], beside: Iterable[tuple[float, str]]):
        """Both arrows, with numbers to read off."""
        parts = [
            arrow((self.left, self.low), (self.right + 10, self.low)),
            arrow((self.left, self.low), (self.left, self.top - 12)),
        ]
        for x, name in below:
            at = self.across(x)
            parts.append(path([(at, self.low), (at, self.low + 4)]))
            parts.append(word((at, self.low + 17), name, "small"))
        for y, name in beside:
            at = self.up(y)
            parts.append(path([(self.left - 4, at), (self.left, at)]))
            parts.append(word((self.left - 7, at + 4), name, "small", "end"))
        return parts

    def named(self, below: str, above: str) -> list[str]:
        """The names of the axes: at the end of the lower one, and over the other."""
        return [
            sign((self.right + 8, self.low + 33), below, "end"),
            word((self.left + 8, self.top - 4), above, "small", "start"),
        ]


def _share(value: float, ends: Range, powers: bool) -> float:
    low, high = ends
    if powers:
        low, high, value = math.log(low), math.log(high), math.log(max(value, low))
    return (value - low) / (high - low)
