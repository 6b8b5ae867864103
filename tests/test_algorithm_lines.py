"""Algorithm 1 as its page writes it: each line by the function that stands beside it."""

import re
from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import close, pictures, train
from test_theory_index import split

import distill_lib as dl
from distill_lib.images.sampling import balanced_sample
from distill_lib.linalg.pseudoinverse import rank
from distill_lib.theory import closed_form

PAGE = Path(__file__).parents[1] / "notebooks" / "theorem_5_1.md"
K, SHAPE = 3, (3, 2, 2)
D = 12
NORMALISATION = dl.Normalisation(SHAPE, 255.0, (0.3, 0.6), (0.2, 0.4))
KEY = jax.random.key(7)
POOL = pictures(K, SHAPE)
MAPS = {
    "linear": dl.Linear(D),
    "network": dl.FullyConnected.random(jax.random.key(1), (D, 11, 10)),
    "Fourier": dl.RandomFourier.random(jax.random.key(1), D, 10, 30.0),
}


def section():
    return (
        PAGE.read_text(encoding="utf-8")
        .split("## Algorithm 1, line by line\n")[1]
        .split("\n## ")[0]
    )


def one_hot(m):
    return np.eye(K)[np.arange(m) % K]


def lines(model, m, start, reg_s):
    """X_S, Y_S and lam_S, line by line; roots are the larger ones."""
    w, phi = model.weights, model.feature_map
    near = None
    if start == "real":
        index = balanced_sample(KEY, POOL[1], m, K)  # 1
        near = NORMALISATION(POOL[0][index])
        real = phi(near)
        answers = dl.regularised(real, reg_s) @ w.T
        labels = answers if rank(answers) == K else one_hot(m)  # 2
        z = dl.regularised_pinv(real, reg_s)  # 3
    else:
        labels = one_hot(m)  # 4
        least = closed_form.recovery_matrix(w, labels)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(KEY)))
        z = 0.1 * np.std(np.asarray(least)) * rng.standard_normal(least.shape)
    d = closed_form.recovery_matrix(w, labels, z)  # 5
    reg_s = min(reg_s, closed_form.max_reg(d))  # 6
    features = closed_form.support_features(d, reg_s, "+")  # 7 and 8
    scale = phi.range_scale(features)
    points = phi.inverse(scale * features, near=near)  # 9
    return points, labels, scale**2 * reg_s


@pytest.mark.parametrize("kind", MAPS)
@pytest.mark.parametrize("start", ["noise", "real"])
@pytest.mark.parametrize("reg_s", [0.0, 1e-3, 1e6])
def test_the_lines_give_the_set_of_distill(kind, start, reg_s):
    model = dl.fit(*POOL, MAPS[kind], NORMALISATION, key=KEY, regs=(1.0,), val_fraction=0)
    asked = {"pool": POOL} if start == "real" else {}
    branch = "+" if reg_s else None
    one = dl.distill(model, 5, key=KEY, start=start, reg_s=reg_s, branch=branch, **asked)
    points, labels, reg = lines(model, 5, start, reg_s)
    assert close(one.labels, labels)
    assert one.reg_s == pytest.approx(reg, rel=1e-9)
    assert close(one.points, points, 1e5)  # the arccosine at the end of its range
    w = train(model.feature_map(points), labels, reg) * one.provenance["range_scale"]
    assert np.linalg.norm(w - model.weights) < 1e-6 * np.linalg.norm(model.weights)


def test_the_table_has_a_row_for_each_line_and_names_what_is_there():
    written = re.findall(r"^(\d)\. ", section(), re.M)
    table = re.findall(r"^\| (\d|return) \| (.+?) \|", section(), re.M)
    assert [line for line, _ in table] == [*written, "return"]
    for _, cell in table:
        (name,) = re.findall(r"(?:~|<)distill_lib\.([\w.]+)", cell) or re.findall(
            r"`([\w.]+)`", cell
        )
        found, *rest = split(f"distill_lib.{name}")
        for part in rest:
            found = getattr(found, part)
        assert callable(found)
