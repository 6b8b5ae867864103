"""When a run has to end: after its budget, or soon after a batch queue's signal."""

import math
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from distill_lib.companion.errors import CompanionError

UNFINISHED = 75  # EX_TEMPFAIL of sysexits.h: not wrong, not done; the same command goes on
GRACE = 20.0  # seconds; queues kill 30 s after their signal
ASKED = "asked to end by a signal"
_UNITS = {"s": 1, "m": 60, "h": 3600}


class Limit:
    """The time that a run has.

    Args:
        budget: seconds from now on.
        clock: what counts them.
    """

    def __init__(self, budget: float = math.inf, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._end = clock() + budget
        self._grace = min(GRACE, budget / 10)
        self.because = "the budget is spent"

    def left(self) -> float:
        """Seconds until everything still at work is ended."""
        return self._end - self._clock()

    def near(self) -> bool:
        """Whether notebooks are to stop at the end of their piece, and none is to be started."""
        return self.left() <= self._grace

    def terminate(self) -> None:
        """A signal has come: the end is near; after a second one it is now."""
        again = self.because == ASKED
        self._grace = GRACE
        self._end = min(self._end, self._clock() + (0 if again else GRACE))
        self.because = ASKED


def budget_seconds(text: str) -> float:
    """Seconds of a budget such as "90s", "8m" or "2h".

    Raises: CompanionError for any other text.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text.strip().lower())
    if not found or not (seconds := float(found[1]) * _UNITS[found[2]]):
        raise CompanionError(
            f"a budget of '{text}' is not understood: give a time such as 90s, 8m or 2h", code=2
        )
    return seconds


@contextmanager
def on_signal(numbers: list[signal.Signals], act: Callable[[], Any]) -> Iterator[None]:
    """Answer these signals by `act`, but for those ignored from the start (nohup)."""
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]
    previous = {number: signal.signal(number, lambda *_: act()) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
