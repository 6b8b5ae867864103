"""What the unit costs in `book/measured` say of what was not run: forecasts and composed steps."""

from typing import Any

Cell = dict[str, Any]
CLASSES = {"cifar100": 100}  # all others have ten
IMAGES = {"cifar10": 50_000, "cifar100": 50_000}  # for training; all others have 60,000
COLOUR = ("cifar10", "cifar100", "svhn")
BATCH, DESCENT = 5000, 3000  # targets of a step of KIP, steps of RFAD as it was bounded here
RFAD_BATCH = 5120  # targets of a step of RFAD: 4 times 1,280


def forecast(cell: Cell, records: dict[str, Cell]) -> str | None:
    """The forecast of a cell of the baselines' tables in words; None where no cost is known."""
    if cell["ipc"] is None:
        return None
    m = cell["ipc"] * CLASSES.get(cell["dataset"], 10)
    pair = records.get("exact-pair-ntk-float32")
    if cell["method"].startswith("rfad"):
        size = "32x32x3" if cell["dataset"] in COLOUR else "28x28x1"
        step = records.get(f"rfad-step-{size}-{m // 10}-bf16")  # timed for ten classes
        if step is None:
            return None
        whole = DESCENT * _measured(step, "seconds")
        return f"{DESCENT:,} steps would take {_time(whole)} on one {card(step)}"
    if cell["model"] != "convnet-3 ntk" or pair is None:
        return None
    if cell["method"] == "label solve":
        pairs = pairs_of(m, IMAGES.get(cell["dataset"], 60_000))
        whole = pairs * _measured(pair, "seconds a pair", "value")
        return f"its {pairs:,} pairs would take at most {_time(whole)} on one {card(pair)}"
    pairs = pairs_of(m, BATCH)
    whole = pairs * _measured(pair, "seconds a pair", "value and gradient")
    return f"one step, of {pairs:,} pairs, would take at most {_time(whole)} on one {card(pair)}"


def exact_steps(records: dict[str, Cell]) -> list[Cell]:
    """A step with an exact kernel beside one of RFAD, of ten classes of 32x32x3 images.

    Composed: the measured seconds of a pair's value and gradient times the pairs of a step on as
    many targets as RFAD takes. RFAD's is measured, on the same card.

    Returns: rows of kernel, ipc, pairs, exact and rfad (seconds), card, device, and one_point: what
        a step of one support point is composed to, over RFAD's step of ten.
    """
    found = []
    steps = {
        (row["ipc"], card(record)): row["measured"]
        for name, record in records.items()
        for row in record["rows"]
        if name.startswith("rfad-step-32x32x3")
        and (row["method"], row["quantity"]) == ("bf16", "seconds")
    }
    for name, record in records.items():
        if name.startswith("exact-pair"):
            pair = _measured(record, "seconds a pair", "value and gradient")
            kernel = record["rows"][0]["method"]
            for (ipc, on), rfad in sorted(steps.items()):
                if on == card(record):
                    pairs = pairs_of(10 * ipc, RFAD_BATCH)
                    row = {"kernel": kernel_name(kernel), "ipc": ipc, "pairs": pairs, "card": on}
                    row["device"] = record["provenance"]["device"]["kind"]
                    one = pair * pairs_of(1, RFAD_BATCH) / steps[1, on]
                    found.append(row | {"exact": pair * pairs, "rfad": rfad, "one_point": one})
    return found


def longer(records: dict[str, Cell]) -> dict[str, float]:
    """How many times one of RFAD's steps in `bf16` a step in each precision takes.

    At one image a class of 32x32x3, the largest over the cards that have both.
    """
    found: dict[str, float] = {"bf16": 1.0}
    taken = {
        (row["method"], card(record)): row["measured"]
        for name, record in records.items()
        for row in record["rows"]
        if name.startswith("rfad-step-32x32x3-1-") and row["quantity"] == "seconds"
    }
    for precision in ("tf32", "highest"):
        for (method, on), seconds in taken.items():
            if method == precision and ("bf16", on) in taken:
                found[method] = max(seconds / taken["bf16", on], found.get(method, 0.0))
    return found


def pairs_of(m: int, batch: int) -> int:
    """Kernel values of a step on m support points: with the targets, and among themselves."""
    return batch * m + m * (m + 1) // 2


def kernel_name(method: str) -> str:
    """A kernel of the records, as a table names it."""
    kind, dtype = method.split(", ")
    return f"{kind.upper()}, {dtype}"


def _measured(record: Cell, quantity: str, model: str | None = None) -> float:
    return next(
        float(row["measured"])
        for row in record["rows"]
        if row["quantity"] == quantity and model in (None, row["model"])
    )


def card(record: Cell) -> str:
    """The name of the card that a record was made on, in a word."""
    return str(record["provenance"]["device"]["kind"].removeprefix("NVIDIA ").split()[0])


def _time(seconds: float) -> str:
    for length, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
