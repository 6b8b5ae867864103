"""Drawings of curves and scales: the roots of h, rounding, and numbers of points."""

import numpy as np

from distill_lib.companion.site.drawings.pen import (
    Point,
    arrow,
    dot,
    path,
    sign,
    sketch,
    word,
)


def roots(level: float = 0.4) -> str:
    """h(s) = s / (s^2 + 1), a level below its top, and the two values of s that reach it."""

    def at(s: float, height: float) -> Point:
        return 44 + 66 * s, 158 - 240 * height

    s = np.linspace(0, 4.5, 120)
    half = np.sqrt(1 - 4 * level**2)
    low, high = (1 - half) / (2 * level), (1 + half) / (2 * level)
    parts = [
        arrow(at(0, 0), (352, at(0, 0)[1])),
        arrow(at(0, 0), (44, 18)),
        path([at(x, x / (x**2 + 1)) for x in s], "one"),
        path([at(0, level), at(high, level)], "dashed"),
        path([at(0, 0.5), at(1, 0.5)], "faint dashed"),
        sign((38, at(0, level)[1] + 5), "s′", "end"),
        word((38, at(0, 0.5)[1] + 2), "top", "small", "end"),
        sign((350, at(0, 0)[1] + 18), "s"),
        sign((at(2.9, 0)[0], at(0, 0.36)[1]), "h(s) = s / (s^2 + λ_S)", "start"),
    ]
    for root, name in ((low, "−"), (high, "+")):
        parts += [
            path([at(root, level), at(root, 0)], "two dashed"),
            dot(at(root, level), "two"),
            word((at(root, 0)[0], at(0, 0)[1] + 18), f"root {name}", "small"),
        ]
    told = (
        "A curve that rises to one top and falls. A level below the top meets it at two points, "
        "the roots minus and plus; a level above the top would miss it."
    )
    return sketch("roots", "Each level below the top has two roots", told, parts, 186)


def rounding(step: float = 40) -> str:
    """Two near points, rounded to a grid: the direction between them turns."""
    first, second = np.array([132.0, 104.0]), np.array([174.0, 88.0])
    rounded = [np.round(point / step) * step for point in (first, second)]

    def ray(a, b) -> list[Point]:
        along = (b - a) / np.linalg.norm(b - a)
        return [tuple(a - 70 * along), tuple(b + 110 * along)]

    nodes = [(x, y) for x in step * np.arange(1, 9) for y in step * np.arange(1, 5)]
    parts = [dot(node, radius=1.6) for node in nodes]
    parts += [path(ray(first, second), "two dashed"), path(ray(*rounded), "one")]
    for point, code in zip((first, second), rounded, strict=True):
        parts += [
            arrow(tuple(point), tuple(code)),
            dot(tuple(point), "hollow"),
            dot(tuple(code), "one"),
        ]
    parts.append(
        word((180, 196), "dashed: the direction of two near points; line: after rounding", "small")
    )
    told = (
        "A grid of codes and two near points on it. Each moves to its nearest code, by less than a "
        "step. The direction from one to the other turns by much more."
    )
    return sketch("rounding", "A small change of near points turns their span", told, parts, 204)


def counts() -> str:
    """How many points the constructions of Table 1 take, on one line."""
    marks = (
        (0.06, "k", "one model"),
        (0.3, "q", "every λ"),
        (0.5, "rank X", "every λ,"),
        (0.72, "p", "labels"),
        (0.95, "n", "Gaussian"),
    )
    second = ("", "at least", "closed form", "alone", "kernel")
    parts = [arrow((14, 60), (354, 60))]
    for (place, name, what), more in zip(marks, second, strict=True):
        x = 14 + 330 * place
        kind = "one" if name == "k" else "two"
        parts += [
            dot((x, 60), kind, 5),
            sign((x, 42), name),
            word((x, 86), what, "small"),
            word((x, 101), more, "small"),
        ]
    told = (
        "A line of numbers of points: k for one model, at least q for every ridge parameter, the "
        "rank of X by a formula, p for labels alone, n for the Gaussian kernel."
    )
    return sketch(
        "counts", "What is to be carried decides how many points it takes", told, parts, 112
    )
