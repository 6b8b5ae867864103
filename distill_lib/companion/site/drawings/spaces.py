"""Drawings of subspaces: what a set spans, and the rows of the model."""

import numpy as np

from distill_lib.companion.site.drawings.pen import (
    Point,
    area,
    arrow,
    dot,
    path,
    sign,
    sketch,
    word,
)

UNIT = 58  # length of a unit vector
TILT = np.deg2rad(24)  # of the eye over the plane of the first two axes


def seen(vector, origin: Point = (170, 128)) -> Point:
    """Where a vector of three entries is drawn: parallel projection, turned by 35 degrees."""
    turn = np.deg2rad(35)
    x, y, z = vector
    across, deep = np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y
    return (
        origin[0] + UNIT * float(across),
        origin[1] - UNIT * float(np.cos(TILT) * z + np.sin(TILT) * deep),
    )


def unit(vector):
    """The vector, of length one."""
    return np.asarray(vector) / np.linalg.norm(vector)


def sheet(first, second, kind: str = "", long: float = 1.75, wide: float = 1.3) -> str:
    """A piece of the plane of two orthonormal vectors, around the origin."""
    corners = [(long, wide), (-long, wide), (-long, -wide), (long, -wide)]
    return area([seen(a * first + b * second) for a, b in corners], kind)


def across(vector, along):
    """The part of a vector that is orthogonal to a unit vector, of length one."""
    return unit(vector - (vector @ along) * along)


def nearest_points(samples, row):
    """Xh - P Xh V_1 V_1^T for one row w of the model, with P = I - w w^T. Columns are points."""
    outside = samples - np.outer(row, row @ samples)
    given_up = np.linalg.svd(outside)[2][-1]
    return samples - np.outer(outside @ given_up, given_up)


ROW = np.array([0.0, 0.0, 1.0])
SAMPLES = np.array([[1.25, -0.9], [-0.6, -0.85], [0.35, 0.75]])


def plane() -> str:
    """The plane of two points, turned until it holds the row of the model (Theorem 4.1)."""
    points = nearest_points(SAMPLES, ROW)
    # Of the combinations of points one direction stays: there the two planes meet.
    outside = SAMPLES - np.outer(ROW, ROW @ SAMPLES)
    kept = unit(SAMPLES @ np.linalg.svd(outside)[2][0])
    before = across(SAMPLES @ np.linalg.svd(outside)[2][1], kept)
    after = across(ROW, kept)
    before = before if before @ after > 0 else -before
    arc = [unit((1 - t) * before + t * after) * 1.32 for t in np.linspace(0.06, 0.94, 15)]
    parts = [
        dot(seen((0, 0, 0)), radius=2.5),
        sheet(kept, before, "faint dashed"),
        sheet(kept, after, "one"),
        arrow(seen((0, 0, 0)), seen(1.72 * ROW), "two"),
        sign((seen(1.72 * ROW)[0] + 10, seen(1.72 * ROW)[1] + 4), "range(W^T)", "start"),
        path([seen(v) for v in arc[:-1]], "dashed"),
        arrow(seen(arc[-2]), seen(arc[-1])),
    ]
    for i, (sample, point) in enumerate(zip(SAMPLES.T, points.T, strict=True), start=1):
        parts += [
            path([seen(sample), seen(point)], "dashed"),
            dot(seen(sample), "hollow"),
            dot(seen(point), "one"),
            sign((seen(point)[0] - 12, seen(point)[1] - 7), f"x_{i}"),
        ]
    parts += [
        word((180, 226), "dashed: the plane of two samples", "small"),
        word((180, 242), "solid: turned until it holds the row of W", "small"),
    ]
    told = (
        "Two samples span a plane, drawn with a dashed edge. Turned about a line in it, it holds "
        "the row of the model, an arrow. The points move along and span the turned plane."
    )
    return sketch("plane", "A set carries W when its span holds the rows of W", told, parts, 250)


def nearest() -> str:
    """Seen along the rows of W, the samples fall onto a line: the least change of rank one."""
    flat = np.array([[1.35, -0.8], [0.75, 0.35]])  # P Xh, for m - k = 1
    left, s, right = np.linalg.svd(flat)
    fallen = s[0] * np.outer(left[:, 0], right[0])

    def at(vector) -> Point:
        return 180 + 95 * float(vector[0]), 92 - 80 * float(vector[1])

    axis = left[:, 0] * 1.75
    parts = [path([at(-axis), at(axis)], "one"), dot((180, 92), radius=2.5)]
    for i, (sample, point) in enumerate(zip(flat.T, fallen.T, strict=True), start=1):
        parts += [
            path([at(sample), at(point)], "dashed two"),
            dot(at(sample), "hollow"),
            dot(at(point), "one"),
            sign((at(sample)[0], at(sample)[1] - 10), f"P x\u0302_{i}"),
        ]
    parts += [
        word((180, 174), "what the model does not see of two samples,", "small"),
        word((180, 190), "and the nearest of rank m − k (here one)", "small"),
    ]
    told = (
        "Two samples in the null space of W, and the line through the origin that is nearest to "
        "both. Dashed lines lead from each sample to its place on that line."
    )
    return sketch("nearest", "The nearest set gives up the least of P X̂", told, parts, 198)


def _projected(name: str, title: str, told: str, plane_is: str, dashed_is: str, names) -> str:
    """A vector, its part in a plane, and the part that is missing."""
    first, second = unit([1, 0.15, 0]), unit([-0.15, 1, 0])
    vector = np.array([1.3, -0.55, 1.3])
    part = (vector @ first) * first + (vector @ second) * second
    foot, tip = seen(part), seen(vector)
    parts = [
        sheet(first, second, "one", 1.9, 1.7),
        arrow(seen((0, 0, 0)), tip, "two"),
        arrow(seen((0, 0, 0)), foot, "one"),
        path([tip, foot], "dashed"),
        sign((tip[0] - 8, tip[1] - 6), names[0], "end"),
        sign((foot[0] + 8, foot[1] + 15), names[1]),
        sign((tip[0] + 8, (tip[1] + foot[1]) / 2), names[2], "start"),
        word((180, 212), plane_is, "small"),
        word((180, 228), dashed_is, "small"),
    ]
    return sketch(name, title, told, parts, 236)


def projector() -> str:
    """A row of the model, and its part in the span of the points (Theorem 4.2)."""
    return _projected(
        "projector",
        "Labels reach the part of W that lies in the span of the points",
        "A plane, the span of the points. An arrow, a row of the model, leaves it. Its projection "
        "lies in the plane; a dashed line from the tip to the plane is the error that no labels "
        "repair.",
        "plane: the span of the points",
        "dashed: what no labels reach",
        ("w", "wΠ", "w(I − Π)"),
    )


def inside() -> str:
    """Rows of trained and of other models, and the range of a deep linear network (Theorem 5.3)."""
    return _projected(
        "inside",
        "A trained W lies in the range of a deep linear network",
        "A plane, the range of the network. An arbitrary model leaves it, and its distance to the "
        "plane is the error of every set. Its projection, as every trained model, lies in it.",
        "plane: the range of the network, where every trained model lies",
        "dashed: the error of every set, of whatever size",
        ("any w", "trained w", "error"),
    )


def triangle() -> str:
    """The least loss and what a set loses above it, at a right angle (Theorem 6.1)."""
    foot, corner, tip = (70.0, 150.0), (285.0, 150.0), (285.0, 40.0)
    parts = [
        area([foot, corner, tip], "faint"),
        path([foot, corner], "one"),
        path([corner, tip], "two"),
        path([foot, tip]),
        path([(273, 150), (273, 138), (285, 138)], "faint"),
        sign((178, 171), "(W_S − W) φ(X)"),
        sign((293, 98), "√L_{min}", "start"),
        sign((168, 84), "W_S φ(X) − Y", "end"),
        word((180, 196), "squares of the sides: recovery + least loss = loss", "small"),
    ]
    told = (
        "A right triangle. Its hypotenuse is the error of the support set's model on the training "
        "set. One leg is the least error of any model, the other the distance between the two "
        "models, seen by the training features."
    )
    return sketch("triangle", "Loss is recovery, and a rest that no set avoids", told, parts, 204)
