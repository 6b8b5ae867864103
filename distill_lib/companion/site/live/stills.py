"""The live figures as they stand without scripts: drawn from the same formulas, at one setting."""

import base64
import io
import math
from typing import Any

import numpy as np

from distill_lib.companion.site.drawings.pen import area, dot, path, sign, sketch, word
from distill_lib.companion.site.live.axes import Axes
from distill_lib.companion.site.live.data import Digits

LEVEL = 0.4  # s' of the first figure
ROUNDING = 1e-12  # errors below are named, not written
SHOWN = 10  # images in a row
REG = "λ<sub>S</sub>"


def shown(value: float) -> str:
    """Three digits, as the script writes them."""
    return f"{value:.3g}"


def error(value: float) -> str:
    """A recovery error in words."""
    return "rounding only" if value < ROUNDING else shown(value)


def about(value: float) -> str:
    """A large number to two digits."""
    return f"{float(f'{value:.2g}'):,.0f}"


def now(parts: list[str]) -> str:
    """What the script draws anew."""
    return f'<g data-now="">{"".join(parts)}</g>'


def roots(reg: float = 1.0) -> str:
    """h(s) = s / (s^2 + reg) and the two roots at the level s'."""
    axes = Axes((0, 5), (0, 1))
    s = np.linspace(0, 5, 201)
    half = math.sqrt(1 - 4 * reg * LEVEL**2)
    ends = [(1 - half) / (2 * LEVEL), (1 + half) / (2 * LEVEL)]
    parts = [
        *axes.drawn([(i, str(i)) for i in range(6)], [(0.5, "0.5"), (1, "1")]),
        *axes.named("s", "h(s) = s / (s^2 + λ_S)"),
        path([axes.at(0, LEVEL), axes.at(5, LEVEL)], "dashed"),
        sign((axes.left - 7, axes.up(LEVEL) + 5), "s′", "end"),
    ]
    marks = [path([axes.at(x, x / (x * x + reg)) for x in s], "one")]
    for root in ends:
        marks += [
            path([axes.at(root, LEVEL), axes.at(root, 0)], "two dashed"),
            dot(axes.at(root, LEVEL), "two"),
        ]
    low, high = map(shown, ends)
    said = f"{REG} = {shown(reg)}: the roots are {low} and {high}. Their product is {REG}."
    told = (
        "A curve that rises to one top and falls, and a dashed level. Below the top the level "
        "meets the curve at two points, the roots. A larger ridge parameter flattens the curve, "
        "until its top is below the level and there is no root."
    )
    live = {"data": axes.data("roots"), "said": said}
    return sketch("live-roots", "Two roots, or none", told, [*parts, now(marks)], 198, **live)


def labels(of: Digits, m: int = 30) -> str:
    """Recovery error against m: labels only, and the construction of Theorem 4.1."""
    n, k = len(of.inputs), len(of.weights)
    axes = Axes((0, n), (1e-16, 2), "y", left=52)
    only, made = of.curves["labels"], of.curves["points"]
    powers = [(1.0, "1"), *[(10.0**-e, f"10^{{−{e}}}") for e in (4, 8, 12, 16)]]
    parts = [
        *axes.drawn([(i, str(i)) for i in (1, k, 50, n)], powers),
        *axes.named("m", "recovery error"),
        path([axes.at(i, e) for i, e in enumerate(only, 1)], "one"),
        path([axes.at(i, e) for i, e in enumerate(made, 1)], "two"),
        word((axes.across(46), axes.up(1e-3)), "labels only", "small"),
        word((axes.across(46), axes.up(1e-14)), "Theorem 4.1", "small"),
    ]
    marks = [dot(axes.at(m, only[m - 1]), "one", 5), dot(axes.at(m, made[m - 1]), "two", 5)]
    said = f"m = {m}: labels only {error(only[m - 1])}; Theorem 4.1 {error(made[m - 1])}."
    told = (
        "Recovery error on a scale of powers against the number of points. Labels only: near one, "
        f"then falling in steps, and at rounding only once the points span what all {n} do. "
        f"Theorem 4.1: at rounding from {k} points on."
    )
    live = {"data": axes.data("labels"), "said": said}
    title = "Real points with new labels, and points that are made"
    return sketch("live-labels", title, told, [*parts, now(marks)], 198, **live)


def moved(weights: np.ndarray, real: np.ndarray) -> np.ndarray:
    """The nearest set, as `theory.nearest.nearest_set` has it; rows are points."""
    q = np.linalg.svd(weights, full_matrices=False)[2]
    outside = real - real @ q.T @ q
    v, s, _ = np.linalg.svd(real, full_matrices=False)
    v = v[:, s > 1e-12 * s[0]]
    b = np.linalg.svd(v.T @ outside, full_matrices=False)[0]
    tail = v @ b[:, -len(weights) :]
    return real - tail @ (tail.T @ outside)


def nearest(of: Digits, m: int = 30) -> str:
    """Real digits, the nearest set, and how far it is, from m = k to d."""
    k, d = of.weights.shape
    away = dict(enumerate(of.curves["nearest"], k))
    points = moved(of.weights, of.inputs[:m])
    axes = Axes((k, d), (1e-3, 1), "y", left=52, low=224, top=110)
    across = (342 - 52) / SHOWN
    parts = [
        word((46, 30), "real", "small", "end"),
        word((46, 66), "nearest", "small", "end"),
        picture(of, of.images[:SHOWN], (52, 12), across),
        *axes.drawn([(k, f"{k}"), (30, "30"), (50, "50"), (d, f"{d}")], _powers(0, 3)),
        *axes.named("m", "distance to the real digits, as a share of their size"),
        path([axes.at(*each) for each in away.items()], "one"),
    ]
    found = of.pixels(points)[:SHOWN]
    marks = [picture(of, found, (52, 48), across), dot(axes.at(m, away[m]), "two", 5)]
    s = np.linalg.svd(points, compute_uv=False)
    condition = s[0] / s[s > 1e-12 * s[0]][-1]
    said = (
        f"m = {m}: the digits move by {100 * away[m]:.2g} % of their size. "
        f"Condition number {about(condition)}."
    )
    told = (
        "Above ten real digits, below them the same digits in the nearest set that carries the "
        "model. Under both a falling curve: their distance against the number of points. With ten "
        "points little is left of the digits; with sixty they look as before."
    )
    live = {"data": axes.data("nearest"), "said": said}
    return sketch("live-nearest", "More points move less", told, [*parts, now(marks)], 262, **live)


def picture(of: Digits, pixels: np.ndarray, at: tuple[float, float], across: float) -> str:
    """Images in a row, from black to white, `across` from one to the next."""
    from PIL import Image

    height, width = of.shape
    sheet = np.zeros((height, SHOWN * (width + 1) - 1, 4), np.uint8)
    for i, image in enumerate(pixels):
        grey = np.clip(np.round(255 * image / of.white), 0, 255).reshape(of.shape)
        sheet[:, i * (width + 1) : i * (width + 1) + width] = np.dstack(
            [*[grey] * 3, np.full_like(grey, 255)]
        )
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "PNG", optimize=True)
    code = base64.b64encode(file.getvalue()).decode()
    scale = across / (width + 1)
    return (
        f'<image x="{at[0]:g}" y="{at[1]:g}" width="{scale * sheet.shape[1]:.1f}" '
        f'height="{scale * height:.1f}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{code}"/>'
    )


def kernel(p: int = 16) -> str:
    """The Gaussian kernel, and that of p random Fourier features, along a line."""
    axes = Axes((0, 4), (-0.75, 1.5))
    r = np.linspace(0, 4, 161)
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=p), rng.uniform(0, 2 * np.pi, size=p)
    made = 2 * np.mean(np.cos(b) * np.cos(np.outer(r, a) + b), axis=1)
    true = np.exp(-(r**2) / 2)
    parts = [
        *axes.drawn([(i, str(i)) for i in range(1, 5)], [(0, "0"), (0.5, "0.5"), (1, "1")]),
        *axes.named("‖x − x′‖ / √v", "φ(x)^T φ(x′)"),
        path([axes.at(0, 0), axes.at(4, 0)], "faint"),
        path([axes.at(x, y) for x, y in zip(r, true, strict=True)], "dashed"),
        word((axes.across(2.7), axes.up(0.86)), "dashed: the kernel itself", "small"),
    ]
    marks = [path([axes.at(x, y) for x, y in zip(r, made, strict=True)], "one")]
    said = _gap(p, float(np.abs(made - true).max()))
    told = (
        "The Gaussian kernel against the distance of two points, a dashed bell. A line for the "
        "kernel of p random features wavers around it; with more features it comes closer."
    )
    live = {"data": axes.data("kernel"), "said": said}
    title = "Random features approach their kernel"
    return sketch("live-kernel", title, told, [*parts, now(marks)], 198, **live)


def _gap(p: int, gap: float) -> str:
    root = f"1 / √p = {1 / math.sqrt(p):.2g}".replace(" ", "\N{NO-BREAK SPACE}")
    return f"p = {p} features: off by at most {gap:.2g} here; {root}."


def privacy(curves: list[dict[str, Any]], at: int | None = None) -> str:
    """Accuracy against epsilon, as recorded: a line for each release, the spread around it."""
    epsilons = curves[0]["epsilon"]
    chosen = len(epsilons) // 2 if at is None else at
    axes = Axes((epsilons[0], epsilons[-1]), (0, 100), "x")
    parts = [
        *axes.drawn([(e, f"{e:g}") for e in epsilons], [(y, str(y)) for y in (0, 50, 100)]),
        *axes.named("ε", "test accuracy, %"),
    ]
    marks = []
    for i, curve in enumerate(curves):
        kind = f"{('one', 'two')[i % 2]}{' dashed' * (i // 2 % 2)}{' faint' * (i // 4)}"
        ends = list(zip(curve["epsilon"], curve["mean"], curve["spread"], strict=True))
        band = [axes.at(e, y + s) for e, y, s in ends] + [
            axes.at(e, y - s) for e, y, s in ends[::-1]
        ]
        parts += [
            area(band, f"{kind.split()[0]} band"),
            path([axes.at(e, y) for e, y, _ in ends], kind),
        ]
        marks.append(dot(axes.at(*ends[chosen][:2]), kind.split()[0], 4))
        y = axes.low + 50 + 16 * i
        parts += [path([(axes.left, y - 4), (axes.left + 26, y - 4)], kind)]
        parts += [word((axes.left + 33, y), curve["name"], "small", "start")]
        marks += [word((axes.right + 8, y), f"{curve['mean'][chosen]:.1f} %", "small", "end")]
    best = max(curve["without"] for curve in curves)
    said = f"ε = {epsilons[chosen]:g}. Without noise the best of these models has {best:.1f} %."
    told = (
        "Test accuracy against epsilon, recorded in this book's run. Every curve rises with "
        "epsilon. Noise on the statistics costs less than noise on the model."
    )
    live = {"data": axes.data("privacy"), "said": said}
    height = axes.low + 46 + 16 * len(curves)
    title = "What privacy costs"
    return sketch("live-privacy", title, told, [*parts, now(marks)], height, **live)


def _powers(*minus: int) -> list[tuple[float, str]]:
    return [(10.0**-e, f"10^{{−{e}}}" if e else "1") for e in range(minus[0], minus[-1] + 1)]
