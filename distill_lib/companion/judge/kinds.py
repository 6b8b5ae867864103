"""How far a recomputed number may lie from the recorded one, by its kind, and why.

With the same code, parameters, data, versions and processor every number but a clock's must be the
same to the last bit. The rules are for everything else: for what the rounding of another machine,
or of another version, can do.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from distill_lib.companion.judge.recorded import Number

ROUNDOFF = 2.0**-53
NOISE = 1e-7
Limits = tuple[float, float] | None  # the least and the largest value allowed; None: not judged


@dataclass(frozen=True)
class Rule:
    """A kind of number: by how much it may differ, in words, why, and the limits."""

    name: str
    because: str
    limits: Callable[[Number], Limits]


def _around(width: Callable[[Number], float]) -> Callable[[Number], Limits]:
    def limits(number: Number) -> Limits:
        # Decimals are rounded, too.
        reach = width(number) * (1 + 1e-9) + 4 * ROUNDOFF * abs(number.value)
        return number.value - reach, number.value + reach

    return limits


def _relative(share: float) -> Callable[[Number], Limits]:
    return _around(lambda number: share * abs(number.value))


def _order(number: Number) -> Limits:
    return abs(number.value) / 10, 10 * abs(number.value)


def _noise(number: Number) -> Limits:
    """An order of magnitude, in which one rounding and none are alike."""
    size = max(abs(number.value), ROUNDOFF)
    return (0.0 if size < 10 * ROUNDOFF else size / 10), 10 * size


def _error(number: Number) -> Limits:
    return _noise(number) if abs(number.value) < NOISE else _relative(1e-6)(number)


def _images(count: float) -> Callable[[Number], float]:
    """That many test images; a column of a row gives a fraction, everything else per cent."""

    def width(number: Number) -> float:
        fraction = number.name.endswith((": accuracy", ": same_predictions"))
        return (1 if fraction else 100) * count / number.tests

    return width


def _sample(number: Number) -> float:
    """Three standard deviations of the difference of two means over seeds, or spreads."""
    if number.name.endswith(": spread"):
        return max(_images(2)(number), 3 * number.value / math.sqrt(max(number.seeds - 1, 1)))
    share = min(max(number.value / 100, 0.0), 1.0)
    one = 100 * math.sqrt(share * (1 - share) / number.tests)  # of one run on so many test images
    return max(_images(2)(number), 3 * math.sqrt(2 / number.seeds) * max(one, number.spread or 0.0))


COUNT = Rule(
    "exact",
    "a count, a rank, a setting or a number of the paper; nothing is rounded",
    _relative(0.0),
)
CLOCK = Rule(
    "not judged", "measured by a clock, or memory as the system gives it", lambda number: None
)
SMOOTH = Rule(
    "1e-6 relative",
    "in closed form in double precision, so rounded to kappa 2^-53, with condition numbers kappa "
    "up to 1e9",
    _relative(1e-6),
)
CONDITION = Rule(
    "1e-4 relative",
    "a condition number kappa: the smallest eigenvalue of a Gram matrix is known to kappa^2 2^-53, "
    "kappa up to 1e6",
    _relative(1e-4),
)
ERROR = Rule(
    "an order of magnitude below 1e-7, else 1e-6 relative",
    "an error: where it is rounding alone (kappa 2^-53), only its size is determined; where it is "
    "not, it is a number "
    "in closed form",
    _error,
)
SINGLE = Rule(
    "an order of magnitude", "an error of single precision: rounding alone, kappa 2^-24", _noise
)
SQUARE = Rule(
    "two orders of magnitude",
    "1 - cosine is half the square of an error of rounding or, where that is less, the rounding "
    "of the cosine itself",
    lambda number: (0.0, 100 * max(abs(number.value), ROUNDOFF)),
)
EDGE = Rule(
    "an order of magnitude, both ways",
    "a number over an error of rounding, or a size at which rounding takes over",
    _order,
)
LADDER = Rule(
    "two decades, both ways",
    "where rounding takes over, on a ladder of sizes with one rung a decade: another order of the "
    "same sums moves it by a rung or two",
    lambda number: (abs(number.value) / 101, 101 * abs(number.value)),
)
IMAGES = Rule(
    "two test images",
    "the accuracy of a model in closed form: an image is answered otherwise only where two scores "
    "agree to rounding, "
    "and the ridge is chosen otherwise only where two of the grid are as good",
    _around(_images(2)),
)
CHANGES = Rule(
    "four test images", "a difference of two accuracies in closed form", _around(_images(4))
)
DESCENT = Rule(
    "three standard deviations",
    "the accuracy after a descent, in which rounding grows until the run is another sample of the "
    "same experiment; of "
    "two samples, by the spread over the seeds or, if that is more, by the number of test images",
    _around(_sample),
)
ENTRIES = Rule(
    "twelve points",
    "a share of some hundred learnt entries, after a descent as above: three standard deviations "
    "of the difference of two samples of 320",
    _around(lambda number: 100 * 3 * math.sqrt(2 * 0.25 / 320)),
)
SINGLE_IMAGES = Rule(
    "half a point, or two test images",
    "an accuracy from scores in single precision, or after a descent of some hundred smooth steps: "
    "scores are rounded "
    "to kappa 2^-24, kappa up to 1e4, and as many images are that near to a tie",
    _around(lambda number: max(0.5, _images(2)(number))),
)
SINGLE_CHANGES = Rule(
    "one point, or four test images",
    "a difference of two accuracies in single precision, or after a descent",
    _around(lambda number: max(1.0, _images(4)(number))),
)
SINGLE_SMOOTH = Rule(
    "1e-3 relative",
    "smooth, but from single precision or after a descent: rounded to kappa 2^-24, kappa up to 1e4",
    _relative(1e-3),
)
RANKING = Rule(
    "one per cent, or one",
    "a median of whole numbers, or an area under a curve of ranks, after a descent: ranks change "
    "one at a time",
    _around(lambda number: max(1.0, 0.01 * abs(number.value))),
)
PASSES = Rule(
    "two passes",
    "steps of conjugate gradients until a residual passes the tolerance, or a forecast of them by "
    "an eigenvalue: rounding moves either by a step",
    _around(lambda number: 2.0),
)
PLANNED = Rule(
    "half of itself", "memory as the compiler plans it, whose version decides", _relative(0.5)
)
