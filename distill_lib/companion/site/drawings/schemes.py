"""Drawings of blocks and steps: sums, ranks, masks, floors, and what is released."""

import numpy as np

from distill_lib.companion.site.drawings.pen import (
    Point,
    arrow,
    box,
    dot,
    path,
    sign,
    sketch,
    word,
)


def sums(batches: int = 3) -> str:
    """Batches of data, their statistics, one sum, and a model for every ridge parameter."""
    parts = []
    for i in range(batches):
        y = 12 + 46 * i
        parts += [
            box(8, y, 84, 32),
            sign((50, y + 21), f"X_{i + 1}, Y_{i + 1}"),
            arrow((94, y + 16), (122, y + 16)),
            box(124, y, 74, 32, "one"),
            sign((161, y + 21), f"G_{i + 1}, C_{i + 1}"),
            arrow((200, y + 16), (226, 74)),
        ]
    parts += [
        box(228, 58, 58, 32, "one"),
        sign((257, 79), "G, C"),
        arrow((288, 74), (310, 74), "two"),
        sign((333, 79), "W(λ)"),
        word((257, 106), "the sum", "small"),
        word((333, 106), "for all λ", "small"),
        word((180, 164), "data are read once; statistics add up", "small"),
    ]
    told = (
        "Three batches of data lead to three pairs of statistics, G and C. These are added to one "
        "pair, from which the model follows for every ridge parameter."
    )
    return sketch("sums", "All that ridge regression needs are sums", told, parts, 172)


def centred() -> str:
    """Three points as they are, and what a trainer with an intercept sees: they add up to zero."""
    points = np.array([[70.0, 130.0], [128.0, 88.0], [96.0, 46.0]])
    origin, mean, aside = np.array([20.0, 150.0]), points.mean(axis=0), np.array([252.0, 84.0])
    parts = [dot((x, y), "one") for x, y in points]
    parts += [arrow(at(aside), at(aside + point - mean), "one") for point in points]
    parts += [
        dot(at(origin), radius=2.5),
        arrow(at(origin), at(mean), "two"),
        dot(at(mean), "two"),
        word(at(mean - np.array([9, 7])), "mean", "small", "end"),
        arrow((158, 84), (190, 84), "faint"),
        dot(at(aside), radius=2.5),
        word((86, 172), "points about their mean", "small"),
        word((252, 172), "what the trainer sees", "small"),
    ]
    told = (
        "On the left three points, with an arrow from the origin to their mean. On the right the "
        "same points as arrows from their mean: three differences that add up to zero, so that "
        "they have one dimension less."
    )
    return sketch("centred", "An intercept takes the mean out", told, parts, 180)


def at(point) -> Point:
    """A place on the sheet as a pair of numbers."""
    x, y = point
    return float(x), float(y)


def ranks(k: int = 2, m: int = 5) -> str:
    """The rows of D in a basis of the labels' row and null space: k of the model, m - k free."""
    parts = []
    for i in range(m):
        y = 16 + 24 * i + 8 * (i >= k)
        parts.append(box(104, y, 170, 18, "one" if i < k else "two"))
    top, low = 16 + 24 * k - 6, 24 + 24 * m - 6
    parts += [
        path([(92, 16), (86, 16), (86, top), (92, top)]),
        sign((78, (16 + top) / 2 + 5), "k", "end"),
        path([(92, 24 + 24 * k), (86, 24 + 24 * k), (86, low), (92, low)]),
        sign((78, (24 + 24 * k + low) / 2 + 5), "m − k", "end"),
        sign((284, (16 + top) / 2 + 5), "W", "start"),
        sign((284, (24 + 24 * k + low) / 2 + 5), "N^T Z", "start"),
        word((180, low + 24), "rank of the set: rank W, and what N", "small", "end"),
    ]
    parts[-1] = word(
        (180, low + 24), "the lower rows count as far as they leave those of W", "small"
    )
    told = (
        f"A matrix of {m} rows. The {k} upper ones are the model's rows; the {m - k} lower ones "
        "come from Z, and add to the rank what lies outside the rows of the model."
    )
    return sketch(
        "ranks", "The rank of D: the model's rows and the free ones", told, parts, low + 34
    )


def masks(k: int = 2, m: int = 5, d: int = 9) -> str:
    """Which entries of a set may be noise: by point, by pixel, and the most of all."""
    size, parts = 15, []
    most = [[i < m or (j + i) % m < m - k for j in range(m)] for i in range(d)]
    kinds = {
        "a mask for": [[(j + i) % m < m - k for j in range(m)] for i in range(d)],
        "one mask": [[i < m - k] * m for i in range(d)],
        "the largest": most,
    }
    ends = ("each point", "for all points", "share")
    for at, ((name, held), end) in enumerate(zip(kinds.items(), ends, strict=True)):
        left = 26 + 117 * at
        for i, row in enumerate(held):
            for j, noise in enumerate(row):
                parts.append(
                    box(
                        left + size * j,
                        14 + size * i,
                        size - 2,
                        size - 2,
                        "two full" if noise else "",
                    )
                )
        middle = left + size * m / 2 - 1
        parts += [
            word((middle, 14 + size * d + 17), name, "small"),
            word((middle, 14 + size * d + 32), end, "small"),
        ]
    parts.append(
        word(
            (180, 14 + size * d + 56),
            "a row is a pixel, a column a point; filled: held at noise",
            "small",
        )
    )
    told = (
        f"Three masks of {d} pixels by {m} points for {k} classes. In the first, each pixel is "
        f"held in {m - k} points. In the second, {m - k} pixels are held in all points. In the "
        f"third, {m} pixels are held in all points and every other one in {m - k}."
    )
    return sketch(
        "masks",
        "Entries that may be noise while the set stays exact",
        told,
        parts,
        14 + size * d + 66,
    )


def floors() -> str:
    """Upstairs the features, where the theorem holds; downstairs the points."""
    parts = [
        box(20, 24, 320, 44, "one"),
        word((30, 51), "features", "", "start"),
        sign((150, 52), "Φ"),
        arrow((168, 46), (244, 46)),
        word((206, 38), "train", "small"),
        sign((292, 52), "W_S = W"),
        box(20, 132, 320, 44),
        word((30, 159), "points", "", "start"),
        sign((150, 160), "X_S"),
        arrow((138, 70), (138, 130), "two"),
        sign((130, 106), "φ^{−1}", "end"),
        arrow((164, 130), (164, 70)),
        sign((172, 106), "φ", "start"),
        word((206, 106), "a right inverse is all", "small", "start"),
        word((206, 121), "that is new", "small", "start"),
    ]
    told = (
        "Two floors. Upstairs features train to the model, by Theorem 4.1. An arrow down, a right "
        "inverse of the feature map, gives points; the feature map leads up again."
    )
    return sketch("floors", "The same theorem one floor up", told, parts, 188)


def blocks() -> str:
    """X-bar by rows (of W, and its null space) and columns (row space of the labels, the rest)."""
    left, top, tall, wide = 118, 34, 48, 74
    cells = (
        ("W^+ Y_S", "one", 0, 0),
        ("0", "", 0, 1),
        ("C.1 only", "two", 1, 0),
        ("P Z′", "two", 1, 1),
    )
    parts = []
    for name, kind, row, column in cells:
        x, y = left + wide * column, top + tall * row
        parts += [
            box(x, y, wide - 3, tall - 3, kind),
            sign((x + wide / 2, y + 29), name),
        ]
    parts += [
        word((110, 62), "rows of W", "small", "end"),
        word((110, 110), "null space of W", "small", "end"),
        word((left + wide / 2, 26), "rows of Y_S", "small"),
        word((left + 1.5 * wide, 26), "the rest", "small"),
        word((180, 152), "C.2 keeps the block C.1 empty: then the set carries W", "small"),
    ]
    told = (
        "A matrix of two by two blocks. Above left the model and the labels, above right zero. "
        "Below, in the null space of the model, a free part. Theorem C.2 leaves the block below "
        "left empty, Theorem C.1 does not."
    )
    return sketch("blocks", "Where Theorems C.1 and C.2 put the free part", told, parts, 162)


def release() -> str:
    """Noise after the model, which it cannot hide, and before it, where it can."""
    parts = []
    for y, noisy in ((26, 2), (104, 0)):
        names = ("data", "G, C", "W", "set")
        for i, name in enumerate(names):
            x = 12 + 92 * i
            hidden = i > noisy and noisy == 0
            parts += [box(x, y, 58, 34, "one" if hidden else ""), sign((x + 29, y + 22), name)]
            if i < 3:
                parts.append(arrow((x + 60, y + 17), (x + 90, y + 17)))
        x = 12 + 92 * noisy + 75
        parts += [
            arrow((x, y - 18), (x, y + 11), "two"),
            word((x + 6, y - 8), "noise", "small", "start"),
        ]
    parts += [
        word((180, 78), "Theorem 6.2: training on the set gives W back", "small"),
        word((180, 156), "here: all that follows the noise is private", "small"),
    ]
    told = (
        "Two chains from data to statistics, model and set. Above, noise comes in between model "
        "and set, and the model can be computed from the set. Below, it comes in between data and "
        "statistics; everything after it is private."
    )
    return sketch("release", "Where the noise has to come in", told, parts, 166)


def returned() -> str:
    """Two neighbours, their noisy sets, and what training on these gives back."""
    parts = []
    for y, mark, kind in ((18, "", "one"), (104, "′", "two")):
        parts += [box(8, y, 52, 34), sign((34, y + 22), f"X{mark}")]
        parts += [box(88, y, 52, 34, kind), sign((114, y + 22), f"W{mark}")]
        parts += [box(x, y - z, 52, 34) for x, z in ((180, 10), (188, 2), (196, -6))]
        parts += [sign((222, y + 28), "X_S")]
        parts += [box(300, y, 52, 34, kind), sign((326, y + 22), f"W{mark}")]
        parts += [arrow((62, y + 17), (86, y + 17)), arrow((142, y + 17), (176, y + 17), "two")]
        parts += [arrow((250, y + 17), (298, y + 17))]
        parts += [word((274, y + 9), "train", "small"), word((159, y + 9), "noise", "small")]
    parts += [word((180, 82), "neighbours: one record differs", "small")]
    told = (
        "Two chains, for a training set and for its neighbour. Each goes from the data to the "
        "model, by noise to one of many distilled sets, and by training back to the model. The two "
        "models differ, so every set tells the two training sets apart."
    )
    return sketch("returned", "Noise after the model is undone by training", told, parts, 152)


def bands() -> str:
    """The matrix of a convolution in one dimension, without padding and with zeros around."""
    size, parts = 19, []
    for left, rows, columns, offset, names in (
        (14, 5, 7, 0, ("no padding:", "5 outputs of 7 inputs")),
        (206, 7, 7, 1, ("zeros around:", "7 outputs of 7 inputs")),
    ):
        top = 14 + size * (7 - rows) / 2
        for i in range(rows):
            for j in range(columns):
                inside = 0 <= j - i + offset <= 2
                at = (left + size * j, top + size * i, size - 2, size - 2)
                parts.append(box(*at, "one full" if inside else ""))
        middle = left + size * 3.5
        parts += [word((middle, 166 + 16 * k), name, "small") for k, name in enumerate(names)]
    told = (
        "Two band matrices. Without padding each of five rows has all three taps of the kernel "
        "between seven columns. With zeros around the image there are seven rows, and the first "
        "and the last have lost a tap."
    )
    return sketch(
        "bands", "A convolution as a matrix, with whole and with cut rows", told, parts, 192
    )
