"""Random instances of known conditioning, and the definitions in plain NumPy (samples as rows
throughout).
"""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import strategies as st

from distill_lib.data import describe, load

# (k, p, m). JAX compiles once per shape, so these few carry every property:
SHAPES = (
    (1, 5, 1),  # one output, m = k
    (1, 6, 4),  # one output, k < m < p
    (3, 8, 3),  # m = k
    (
        3,
        8,
        5,
    ),  # k < m = p - k: the last m for which rows of W and of Z can be independent (Proposition 4.1)
    (3, 8, 7),  # p - k < m < p
    (3, 6, 6),  # m = p
    (3, 5, 9),  # m > p
    (4, 4, 4),  # k = m = p
)
# JAX compiles the cut at each rank anew, so ranks vary over fewer shapes.
RANKED = ((1, 6, 4), (3, 8, 5), (3, 5, 9))

seeds = st.integers(0, 2**32 - 1)
scales = st.floats(-3, 3).map(lambda e: 10.0**e)
fractions = st.one_of(st.sampled_from((1e-3, 0.5, 1.0)), st.floats(1e-3, 1))


def matrix(rng, rows, cols, rank=None, scale=1.0, spread=10.0):
    """A random matrix of the given rank, its singular values log-uniform in scale * [1, spread]."""
    rank = min(rows, cols) if rank is None else rank
    left = np.linalg.qr(rng.normal(size=(rows, rows)))[0][:, :rank]
    right = np.linalg.qr(rng.normal(size=(cols, cols)))[0][:, :rank]
    return (left * scale * spread ** rng.uniform(size=rank)) @ right.T


def train(features, labels, reg=0.0):
    """Ridge regression by its definition: argmin_W ||F W^T - Y||^2 + reg ||W||^2, of least norm at
    reg = 0.
    """
    features, labels = np.asarray(features), np.asarray(labels)
    if reg:
        features = np.vstack([features, np.sqrt(reg) * np.eye(features.shape[1])])
        labels = np.vstack([labels, np.zeros((len(features) - len(labels), labels.shape[1]))])
    return np.linalg.lstsq(features, labels, rcond=1e-11)[0].T


def pinv(a):
    return np.linalg.pinv(np.asarray(a), rcond=1e-11)


def pinv_reg(features, reg):
    """(F F^T + reg I)^{-1} F: the weights that the unit labels train."""
    return train(features, np.eye(len(features)), reg)


def values(a):
    """Singular values above the level of rounding, descending."""
    s = np.linalg.svd(np.asarray(a), compute_uv=False)
    return s[s > 1e-11 * s[0]] if s[0] > 0 else s[:0]


def condition(*matrices):
    """Product of the ratios of the largest to the smallest nonzero singular value."""
    return float(np.prod([s[0] / s[-1] for s in map(values, matrices) if len(s)]))


def close(a, b, cond=1.0, scale=None):
    """Whether a and b agree to rounding amplified by a condition number, relative to scale (by
    default that of b).
    """
    a, b = np.asarray(a), np.asarray(b)
    scale = np.linalg.norm(b) if scale is None else scale
    return bool(np.linalg.norm(a - b) <= 1e-13 * max(cond, 10.0) * scale)


def pictures(k, shape, n=90):
    """Bytes (n, h, w, c) in which the pixels of row `label` of the image are a little brighter, and
    balanced labels of k classes.
    """
    rng = np.random.default_rng(0)
    labels = (np.arange(n) % k).astype(np.int32)
    images = rng.integers(0, 200, (n, *shape))
    images[np.arange(n), labels] += 55
    return images.astype(np.uint8), labels


@dataclass
class Instance:
    """W (k, p), Y_S (m, k) of rank k, Z and real features (m, p), and the generator for anything
    further.
    """

    k: int
    p: int
    m: int
    rng: np.random.Generator
    w: np.ndarray
    y: np.ndarray
    z: np.ndarray
    real: np.ndarray

    def signs(self, count):
        return self.rng.choice((-1.0, 1.0), size=count)


@st.composite
def instances(draw, shapes=SHAPES, full=True):
    """Instances with W and Z of full rank; or of any rank, zero included, then of the shapes with m
    > k only.
    """
    k, p, m = draw(st.sampled_from([s for s in shapes if full or s in RANKED]))
    rng = np.random.default_rng(draw(seeds))
    rank_w = k if full else draw(st.integers(0, k))
    rank_z = min(m, p) if full else draw(st.integers(0, min(m, p)))
    w_scale = draw(scales)
    z_scale = w_scale * 10 ** draw(st.floats(-1, 1))  # Z is added to Y_S^+ W
    return Instance(
        k,
        p,
        m,
        rng,
        w=matrix(rng, k, p, rank_w, w_scale),
        y=matrix(rng, m, k),
        z=matrix(rng, m, p, rank_z, z_scale),
        real=matrix(rng, m, p, scale=draw(scales)),
    )


def at_hand(name):
    """The named data set, if it is here; a test never downloads one."""
    if not {one.info.name: one.present for one in describe()}[name]:
        pytest.skip(f"{name} is not here: distill data {name}")
    return load(name)
