"""First and second moments of rows and targets, added up block by block in one reading.

They are kept about the mean, so that a large mean costs no digits, and can be had about any other
point afterwards. So one reading gives the statistics of standardised columns, whose means and
deviations are known only at its end.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from distill_lib.linalg.products import add_gram, product

BLOCK = 2048  # rows at a time: what a cache holds


class About(NamedTuple):
    """Moments about a point (c, e): G = sum (x-c)(x-c)^T, C = sum (y-e)(x-c)^T, sum ||y-e||^2."""

    gram: Float[np.ndarray, "d d"]
    cross: Float[np.ndarray, "k d"]
    square: float


class Moments:
    """The number, means and centred second moments of rows x (d,) with targets y (k,).

    Attributes:
        n: rows seen.
        mean_x, mean_y: (d,), (k,).
        gram, cross, square: about the means, as `About`; of gram the upper triangle alone.

    Example:
        >>> from distill_lib.making.moments import Moments
        >>> x, y = np.array([[1.0], [3.0], [8.0]]), np.array([[0.0], [1.0], [1.0]])
        >>> seen = Moments(1, 1)
        >>> seen.add(x[:2], y[:2])
        >>> seen.add(x[2:], y[2:])
        >>> seen.n, seen.mean_x.tolist(), seen.about(0.0, 0.0).gram.tolist()
        (3, [4.0], [[74.0]])
    """

    def __init__(self, d: int, k: int) -> None:
        self.n, self.square = 0, 0.0
        self.mean_x, self.mean_y = np.zeros(d), np.zeros(k)
        self.gram, self.cross = np.zeros((d, d)), np.zeros((k, d))

    def add(self, x: Float[np.ndarray, "b d"], y: Float[np.ndarray, "b k"]) -> None:
        """Add rows and their targets."""
        for i in range(0, len(x), BLOCK):
            self._add(x[i : i + BLOCK], y[i : i + BLOCK])

    def _add(self, x, y) -> None:
        mean_x, mean_y = x.mean(axis=0), y.mean(axis=0)
        x, y = x - mean_x, y - mean_y
        add_gram(self.gram, x)
        self.cross += product(y.T, x)
        self.square += float(np.vdot(y, y))
        self.move(len(x), mean_x, mean_y, 1)

    def move(self, count: int, mean_x, mean_y, sign: int) -> None:
        """Take in the means of rows that were added (sign 1) or taken away (-1).

        What lies between the means is part of the second moments.
        """
        total = self.n + sign * count
        dx, dy = mean_x - self.mean_x, mean_y - self.mean_y
        between = sign * self.n * count / total
        if self.n:
            self.gram += between * np.outer(dx, dx)
            self.cross += between * np.outer(dy, dx)
            self.square += between * float(dy @ dy)
        self.mean_x = self.mean_x + sign * count / total * dx
        self.mean_y = self.mean_y + sign * count / total * dy
        self.n = total

    def without(self, part: "Moments") -> "Moments":
        """The moments of the rows that are not in `part`, which has to be fewer of them."""
        rest = Moments(len(self.mean_x), len(self.mean_y))
        rest.n, rest.mean_x, rest.mean_y = self.n, self.mean_x, self.mean_y
        rest.gram, rest.cross = self.gram - part.gram, self.cross - part.cross
        rest.square = self.square - part.square
        rest.move(part.n, part.mean_x, part.mean_y, -1)
        return rest

    def about(self, c, e) -> About:
        """The second moments about a point: what lies between it and the means comes in again."""
        dx, dy = self.mean_x - c, self.mean_y - e
        gram = np.triu(self.gram + self.n * np.outer(dx, dx))
        return About(
            gram + np.triu(gram, 1).T,
            self.cross + self.n * np.outer(dy, dx),
            self.square + self.n * float(np.sum(dy * dy)),
        )


class Drawn:
    """A uniform sample of rows of each class, from one reading of unknown length.

    Every row has a random number; of each class those with the least ones stay.

    Example:
        >>> from distill_lib.making.moments import Drawn
        >>> drawn = Drawn(classes=2, count=1)
        >>> x, numbers = np.array([[5.0], [6.0], [7.0]]), np.array([0.3, 0.9, 0.2])
        >>> drawn.see(x, np.array([0, 1, 0]), numbers)
        >>> drawn.rows().ravel().tolist()
        [7.0, 6.0]
    """

    def __init__(self, classes: int, count: int) -> None:
        self.count = count
        self.kept: list[list[tuple[float, int, np.ndarray, np.ndarray]]] = [
            [] for _ in range(classes)
        ]
        self.limit, self.seen = np.full(classes, np.inf), 0

    def see(self, rows, classes, numbers, targets=None) -> None:
        """Look at rows with their classes and random numbers, and keep copies of a few."""
        targets = classes if targets is None else targets
        for i in np.flatnonzero(numbers < self.limit[classes]):
            c = classes[i]
            if numbers[i] >= self.limit[c]:
                continue
            self.kept[c].append((float(numbers[i]), self.seen + int(i), rows[i].copy(), targets[i]))
            if len(self.kept[c]) >= 2 * self.count:
                self._cut(c)
        self.seen += len(rows)

    def _cut(self, c: int) -> None:
        self.kept[c] = sorted(self.kept[c], key=lambda one: one[:2])[: self.count]
        if len(self.kept[c]) == self.count:
            self.limit[c] = self.kept[c][-1][0]

    def of_each(self) -> list[list[tuple[float, int, np.ndarray, np.ndarray]]]:
        """Number, place, row and target of those that stay, class by class."""
        for c in range(len(self.kept)):
            self._cut(c)
        return self.kept

    def rows(self) -> np.ndarray:
        """The rows, in rounds of the classes: 0, 1, ..., k-1, 0, 1, ..."""
        rounds = zip(*self.of_each(), strict=True)
        return np.stack([one[2] for one_each in rounds for one in one_each])
