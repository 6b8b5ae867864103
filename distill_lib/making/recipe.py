"""What is asked of a set: which map, how many points, from which start, for which trainer."""

from dataclasses import dataclass
from typing import Literal, get_args

from distill_lib.boundary import checks
from distill_lib.ridge import GRID

Map = Literal["linear", "network", "fourier"]
Start = Literal["noise", "real", "nearest", "labels", "mean"]
# Which starts there are, by what is learned and whether the trainer fits an intercept; the first
# is taken if none is asked for.
STARTS: dict[tuple[bool, bool], tuple[Start, ...]] = {
    (True, False): ("noise", "real", "nearest", "labels"),
    (True, True): ("mean", "noise", "real", "nearest"),
    (False, False): ("mean", "nearest"),
    (False, True): ("mean", "nearest"),
}


@dataclass(frozen=True)
class Recipe:
    """How a set is to be made.

    Attributes:
        map: the feature map: "linear"; "network", one random layer with LeakyReLU; "fourier",
            random Fourier features. The last two have as many features as there are inputs.
        points: how many; None for one of each class, or for one for each number to predict, and
            one more with an intercept.
        start: "noise", "real", "nearest" and "labels" as `dl.distill`; "mean", points about the
            mean of the data; None for the first of these that there is.
        lam: the ridge parameters of the model to choose from; one value is taken as it is.
        lam_s: the ridge parameter that the set is trained with; lowered to its bound where there
            is one.
        intercept: whether the trainer fits an intercept.
        plain: whether the inputs are the numbers as they are, pixels divided by white; else each
            column or channel is standardised.
        seed: of the map, of what is held out and of what is drawn.
        variance: of the kernel of "fourier"; None for the number of inputs.
        held_out: the share of rows that lam is chosen by and the model is judged on.
    Raises: ValueError for words that are unknown and numbers out of range.

    Example:
        >>> from distill_lib.making import Recipe
        >>> Recipe(map="network", points=20).start_for(classes=True)
        'noise'
    """

    map: Map = "linear"
    points: int | None = None
    start: Start | None = None
    lam: tuple[float, ...] = GRID
    lam_s: float = 1.0
    intercept: bool = False
    plain: bool = False
    seed: int = 0
    variance: float | None = None
    held_out: float = 0.05

    def __post_init__(self) -> None:
        if self.map not in get_args(Map):
            raise ValueError(_one_of("map", self.map, get_args(Map)))
        if self.start is not None and self.start not in get_args(Start):
            raise ValueError(_one_of("start", self.start, get_args(Start)))
        if self.points is not None and self.points < 1:
            raise ValueError(f"points = {self.points}: a set has at least one point.")
        if not self.lam:
            raise ValueError("lam is empty; give at least one ridge parameter.")
        for value in self.lam:
            checks.reg("lam", value)
        checks.reg("lam_s", self.lam_s)
        if self.variance is not None:
            checks.positive("variance", self.variance)
        if not 0 < self.held_out < 1:
            raise ValueError(
                f"held_out = {self.held_out} is no share of the rows; it must be above 0 and "
                "below 1."
            )

    def start_for(self, classes: bool) -> Start:
        """The start that is taken, for classes or for numbers to predict.

        Raises: ValueError for one that there is not.
        """
        known = STARTS[classes, self.intercept]
        if self.start is None:
            return known[0]
        if self.start not in known:
            what = "classes" if classes else "numbers to predict"
            trainer = "with" if self.intercept else "without"
            raise ValueError(
                f"start '{self.start}' is not there for {what} and a trainer {trainer} an "
                f"intercept; take {' or '.join(known)}."
            )
        return self.start


def _one_of(name: str, value: object, known: tuple[str, ...]) -> str:
    return f"{name} is '{value}'; it must be one of {', '.join(known)}."
