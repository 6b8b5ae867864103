"""A drawing of the tree in which the sums over partitions are added up."""

from distill_lib.companion.site.drawings.pen import Point, box, path, sign, sketch, word

_TALL, _STEP = 28, 48  # of a node, and from a level to the next


def added(count: int = 5, others: tuple[int, ...] = (1, 2)) -> str:
    """Partitions, their sums in pairs, and the one that waits; who computes a leaf is no matter.

    Args:
        count: how many partitions.
        others: those that a second worker computes.
    """
    wide, top = 64, (count - 1).bit_length()
    low = 14 + _STEP * top
    parts: list[str] = []
    places: list[Point] = []
    for i in range(count):
        x = 180 + (i - (count - 1) / 2) * (wide + 6)
        places.append((x, low))
        parts.append(box(x - wide / 2, low, wide, _TALL, "two" if i in others else "one"))
        parts.append(sign((x, low + 19), f"(0, {i})"))
        parts.append(word((x, low + _TALL + 15), f"{i}", "small"))
    for level in range(1, top + 1):
        y, below, places = low - _STEP * level, places, []
        for j, pair in enumerate(below[i : i + 2] for i in range(0, len(below), 2)):
            if len(pair) == 1:  # it waits
                places += pair
                continue
            x = (pair[0][0] + pair[1][0]) / 2
            parts += [path([(x, y + _TALL), (a, b)], waits(b - y)) for a, b in pair]
            parts += [box(x - wide / 2, y, wide, _TALL), sign((x, y + 19), f"({level}, {j})")]
            places.append((x, y))
    parts += [
        word((180, low + 62), "partitions by their numbers; colours: who computes them", "small"),
        word((180, low + 79), "who that is changes no sum and no order", "small"),
    ]
    told = (
        f"A tree. Its {count} leaves are the partitions, in two colours for two workers. "
        "Neighbours are joined in pairs, these in pairs again, and the last leaf has no neighbour: "
        "it waits, and joins at the top. The colours play no part in who is joined to whom."
    )
    return sketch("added", "The order of a sum depends on its partitions", told, parts, low + 88)


def waits(height: float) -> str:
    """Dashed where a node passes a level without being added."""
    return "dashed" if height > _STEP else "faint"
