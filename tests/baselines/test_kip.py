"""KIP and label solve: their definitions in NumPy, resumed bit for bit, and what goes wrong is
said.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import pictures, pinv, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import each

import distill_lib as dl
from distill_lib.baselines.kip import KernelObjective, descend, label_solve, support_set, with_strip
from distill_lib.baselines.training_set import Targets, augmented, centred_labels
from distill_lib.images.whitening import Whitening
from distill_lib.kernels.base import Kernel
from distill_lib.kernels.blocks import cross, gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.regression import accuracy, scores

KEY = jax.random.key(3)
SHAPE, K, M = (4, 4, 1), 3, 6
KERNEL = InfiniteWidth("ntk", "fc", 1, SHAPE)
NORM = dl.Normalisation(SHAPE, 255.0, (0.45,), (0.25,))
IMAGES, CLASSES = pictures(K, SHAPE)
TARGETS = Targets.of(IMAGES, CLASSES, NORM)
X = np.asarray(NORM(IMAGES))
Y = np.eye(K)[CLASSES] - 1 / K


class Product(Kernel):
    """The linear kernel, of any conditioning."""

    def __call__(self, x, y):
        return x @ y.T


def start(seed=0, m=M):
    rng = np.random.default_rng(seed)
    return jnp.asarray(X[:m] + 0.1 * rng.normal(size=(m, 16)))


def definition(points, labels, reg=1e-6):
    k_ss, k_ts = np.asarray(gram(KERNEL, points)), np.asarray(cross(KERNEL, X, points))
    c = np.linalg.solve(k_ss + reg * np.trace(k_ss) / len(k_ss) * np.eye(len(k_ss)), labels)
    return 0.5 * np.mean(np.sum((Y - k_ts @ c) ** 2, 1))


@eqx.filter_jit
def loss_of(objective, support, key=KEY):
    return objective(support, key)


# The training set


def test_targets_are_the_normalised_images_with_centred_labels():
    rows = np.array([3, 0, 50])
    x, y = TARGETS(rows)
    assert np.allclose(x, X[rows], rtol=1e-14)
    assert np.allclose(y, Y[rows], rtol=1e-14)
    assert np.allclose(y.sum(1), 0, atol=1e-15)
    assert TARGETS.kept.dtype == np.uint8


def test_whitened_targets_are_kept_in_float32():
    white = Whitening.of(IMAGES, NORM)
    made = Targets.of(IMAGES, CLASSES, white)
    assert made.kept.dtype == np.float32
    assert made(np.arange(5))[0].dtype == np.float64
    assert np.allclose(made(np.arange(5))[0], white(IMAGES[:5]), atol=1e-5)


def test_augmented_images_are_mirrored_and_moved_ones():
    shape = (5, 6, 2)
    image = np.random.default_rng(0).normal(size=(2, 5, 6))
    seen = {0: set(), 1: set()}
    made = np.asarray(augmented(KEY, np.repeat(image.reshape(1, -1), 300, 0), shape, True, 1))
    for one in made.reshape(300, 2, 5, 6):
        for mirrored, original in enumerate((image, image[..., ::-1])):
            padded = np.pad(original, ((0, 0), (1, 1), (1, 1)))
            seen[mirrored] |= {
                (i, j)
                for i in range(3)
                for j in range(3)
                if np.array_equal(padded[:, i : i + 5, j : j + 6], one)
            }
    assert len(seen[0]) == len(seen[1]) == 9
    assert np.array_equal(
        augmented(KEY, image.reshape(1, -1), shape, False, 0), image.reshape(1, -1)
    )
    mirrored = np.asarray(augmented(KEY, np.repeat(image.reshape(1, -1), 300, 0), shape, True, 0))
    share = np.mean([np.array_equal(one.reshape(2, 5, 6), image[..., ::-1]) for one in mirrored])
    assert 0.4 < share < 0.6


# The loss


@settings(max_examples=10)
@given(seeds, st.sampled_from((1e-6, 1e-2)))
def test_on_the_whole_training_set_the_loss_is_its_definition(seed, reg):
    rng = np.random.default_rng(seed)
    points, labels = start(seed), rng.normal(size=(M, K))
    fixed = KernelObjective(KERNEL, TARGETS, jnp.asarray(labels), len(X), reg)
    learned = KernelObjective(KERNEL, TARGETS, None, len(X), reg)
    wanted = definition(points, labels, reg)
    assert np.isclose(loss_of(fixed, {"points": points}), wanted, rtol=1e-6)
    assert np.isclose(
        loss_of(learned, {"points": points, "labels": jnp.asarray(labels)}), wanted, rtol=1e-6
    )
    # Solved labels: the residual of the training labels on the span of K_tS, below that of any
    # other labels.
    k_ts = np.asarray(cross(KERNEL, X, points))
    residual = Y - k_ts @ np.linalg.lstsq(k_ts, Y, rcond=None)[0]
    solved = loss_of(learned, {"points": points})
    assert np.isclose(solved, 0.5 * np.mean(np.sum(residual**2, 1)), rtol=1e-9)
    assert solved < wanted


@pytest.mark.parametrize("mode", ["fixed", "learned", "solved"])
def test_the_gradient_is_the_slope(mode):
    labels = jnp.asarray(Y[:M])
    objective = KernelObjective(KERNEL, TARGETS, labels if mode == "fixed" else None, len(X), 1e-3)
    at = {"points": start()} | ({"labels": labels} if mode == "learned" else {})
    way = jax.tree.map(lambda a: np.random.default_rng(1).normal(size=a.shape), at)
    h = 1e-4

    @jax.jit
    @jax.value_and_grad
    def loss(t):
        return objective(jax.tree.map(lambda a, b: a + t * b, at, way), KEY)

    (_, slope), *ends = (loss(t) for t in (0.0, h, -h))
    assert np.isclose(slope, (ends[0][0] - ends[1][0]) / (2 * h), rtol=1e-4)


def test_a_batch_is_drawn_without_repetition_and_changes_with_the_key():
    points, labels = start(), jnp.asarray(Y[:M])
    whole = definition(points, labels)
    objective = KernelObjective(KERNEL, TARGETS, labels, 89)
    drawn = [float(loss_of(objective, {"points": points}, jax.random.key(i))) for i in range(6)]
    assert len(set(drawn)) > 1
    assert all(one <= whole * 90 / 89 * (1 + 1e-9) for one in drawn)
    moved = loss_of(
        KernelObjective(KERNEL, TARGETS, labels, 90, flip=True, shift=1), {"points": points}
    )
    assert abs(moved / whole - 1) > 1e-3


# The descent


@pytest.mark.parametrize("mode", ["fixed", "learned", "solved"])
def test_a_descent_generalises_better_than_its_start(mode):
    images, classes = pictures(K, SHAPE, 600)
    targets, x, y = Targets.of(images[:400], classes[:400], NORM), NORM(images[400:]), classes[400:]
    x = np.asarray(x)
    labels = centred_labels(classes[:M], K)
    objective = KernelObjective(KERNEL, targets, labels if mode == "fixed" else None, 200)
    found = descend(
        objective,
        NORM(images[:M]),
        60,
        key=KEY,
        every=60,
        labels=labels if mode == "learned" else None,
    ).points
    assert set(found) == ({"points", "labels"} if mode == "learned" else {"points"})
    trained = {"fixed": labels, "learned": found.get("labels")}.get(mode)
    if trained is None:
        trained = label_solve(KERNEL, found["points"], targets)
    before = accuracy(KERNEL, NORM(images[:M]), labels, x, y)
    assert accuracy(KERNEL, found["points"], trained, x, y) > before + 0.1


# Fixed labels are descended as learned ones are, with one entry less.
@pytest.mark.parametrize("mode", ["learned", "solved"])
def test_an_interrupted_descent_goes_on_to_the_same_points_bit_for_bit(tmp_path, mode):
    labels, path = jnp.asarray(Y[:M]), tmp_path / "descent.npz"
    objective = KernelObjective(KERNEL, TARGETS, None, 30, flip=True, shift=1)
    options = {"key": KEY, "every": 3, "labels": labels if mode == "learned" else None}

    def stop(report):
        if report.step == 6:
            raise KeyboardInterrupt

    whole = descend(objective, start(), 12, **options)
    with pytest.raises(KeyboardInterrupt):
        descend(objective, start(), 12, **options, checkpoint=path, report=stop)
    again = descend(objective, start(), 12, **options, checkpoint=path)
    assert np.array_equal(again.losses, whole.losses)
    for one, other in zip(
        jax.tree.leaves(again.points), jax.tree.leaves(whole.points), strict=True
    ):
        assert np.array_equal(one, other)
    other = KernelObjective(KERNEL, TARGETS, objective.labels, 30, reg=1e-5, flip=True, shift=1)
    with pytest.raises(ValueError, match="checkpoint of another descent"):
        descend(other, start(), 12, **options, checkpoint=path)


@pytest.mark.parametrize("mode", ["fixed", "learned"])
def test_a_repeated_point_without_regularisation_is_refused_before_the_first_step(mode):
    labels, points = jnp.asarray(Y[:M]), start()
    twice = jnp.asarray(np.asarray(points)[[1, 1, 2, 3, 4, 5]])
    objective = KernelObjective(KERNEL, TARGETS, labels if mode == "fixed" else None, 30, reg=0.0)
    options = {"key": KEY, "every": 1, "labels": labels if mode == "learned" else None}
    with pytest.raises(
        ValueError, match="singular at reg = 0: take a larger reg, remove repeated points"
    ):
        descend(objective, twice, 1, **options)
    if mode == "learned":
        assert np.isfinite(descend(objective, points, 1, **options).losses).all()


# Label solve


@settings(max_examples=8)
@given(seeds, st.sampled_from(((1, 90), (6, 40))))
def test_label_solve_is_its_definition(seed, sizes):
    m, batch = sizes
    points = start(seed, m)
    k_ss, k_ts = np.asarray(gram(KERNEL, points)), np.asarray(cross(KERNEL, X, points))
    a = np.linalg.inv(k_ss + 1e-3 * np.trace(k_ss) / m * np.eye(m))
    found = label_solve(KERNEL, points, TARGETS, reg=1e-3, batch=batch)
    assert np.allclose(found, pinv(k_ts @ a) @ Y, rtol=1e-6, atol=1e-7)


def test_label_solve_keeps_the_digits_that_normal_equations_lose():
    """Points so near to one another that the square of K_tS's condition number has no digits left."""
    rng = np.random.default_rng(0)
    points = jnp.asarray(X[:1] + 1e-9 * rng.normal(size=(4, 16)))
    k_ts = np.asarray(Product()(X, points))
    s = np.linalg.svd(k_ts, compute_uv=False)
    assert 1e8 < s[0] / s[-1] < 1e10
    labels = label_solve(
        Product(), points, TARGETS, reg=1.0
    )  # a mild lam: what is tested is the projection
    k_ss = np.asarray(Product()(points, points))
    a = np.linalg.inv(k_ss + np.trace(k_ss) / 4 * np.eye(4))
    best = np.linalg.norm(Y - k_ts @ np.linalg.lstsq(k_ts, Y, rcond=1e-14)[0])
    ours = np.linalg.norm(Y - k_ts @ a @ labels)
    assert ours <= best * (1 + 1e-5)
    b = k_ts @ a
    normal = np.linalg.norm(Y - b @ np.linalg.lstsq(b.T @ b, b.T @ Y, rcond=1e-16)[0])
    assert normal > best * (1 + 1e-4)


def test_repeated_points_are_no_obstacle():
    points = start(1, 3)
    twice = jnp.asarray(np.concatenate([points, points]))
    once, labels = (label_solve(KERNEL, at, TARGETS, reg=1e-3) for at in (points, twice))
    assert np.allclose(labels[:3], labels[3:], rtol=1e-5, atol=1e-6)
    assert np.allclose(
        scores(KERNEL, twice, labels, X, 1e-3),
        scores(KERNEL, points, once, X, 1e-3),
        rtol=1e-5,
        atol=1e-6,
    )


def test_strips_make_the_triangle_of_all_rows():
    rows = np.random.default_rng(4).normal(size=(12, 5))
    r = jnp.zeros((5, 5))
    for strip in np.split(rows, 3):
        r = with_strip(r, jnp.asarray(strip))
    assert np.array_equal(r, np.triu(r))
    assert np.allclose(r.T @ r, rows.T @ rows, rtol=1e-12)


def test_progress_of_label_solve():
    seen = []
    label_solve(KERNEL, start(), TARGETS, batch=40, report=lambda *at: seen.append(at))
    for empty in (0, -1):
        with pytest.raises(ValueError, match=f"a batch of {empty} samples reads nothing"):
            label_solve(KERNEL, start(), TARGETS, batch=empty)
    assert seen == [(40, 90), (80, 90), (90, 90)]


# The set


def test_a_set_travels_with_its_kernel(tmp_path):
    made = support_set(KERNEL, start(), Y[:M], TARGETS, "one-hot - 1/k", provenance={"steps": 3})
    made.save(tmp_path / "set.npz")
    other = dl.DistilledSet.load(tmp_path / "set.npz")
    assert other.kernel == KERNEL
    assert other.feature_map is None
    k_ss = np.asarray(gram(KERNEL, made.points))
    assert np.isclose(other.reg_s, 1e-6 * np.trace(k_ss) / M)
    c = np.linalg.solve(k_ss + other.reg_s * np.eye(M), Y[:M])
    assert np.allclose(
        other.scores(IMAGES), np.asarray(cross(KERNEL, X, made.points)) @ c, rtol=1e-5, atol=1e-6
    )
    assert np.array_equal(other.predict(IMAGES), made.predict(IMAGES))
    with pytest.raises(
        ValueError, match="this set has no feature map, hence no weights; take scores"
    ):
        other.model()


# Bad input


def objective(**change):
    return lambda: KernelObjective(**({"kernel": KERNEL, "targets": TARGETS, "batch": 9} | change))


def descent(fixed, **change):
    def run():
        of = KernelObjective(KERNEL, TARGETS, fixed, 30)
        descend(
            **({"objective": of, "start": start(), "steps": 4, "key": KEY, "every": 2} | change)
        )

    return run


FIXED = jnp.asarray(Y[:M])
WRONG = {
    "a batch of more than all": (objective(batch=91), "a batch of 91 cannot be drawn from 90"),
    "a batch of none": (objective(batch=0), "a batch of 0 cannot"),
    "a negative reg": (objective(reg=-1.0), "reg = -1.0 is not a ridge parameter"),
    "labels of more classes": (objective(labels=jnp.ones((6, 4))), r"labels has shape \(6, 4\), .* \(any, 3\)"),
    "a shift out of the image": (objective(shift=4), "shift = 4 must be between 0 and less"),
    "a start of other inputs": (descent(FIXED, start=jnp.ones((6, 5))), r"start has shape \(6, 5\), .* \(any, 16\)"),
    "a start of fewer points": (descent(FIXED, start=jnp.ones((5, 16))), r"labels has shape \(6, 3\), .* \(5, any\)"),
    "labels twice": (descent(FIXED, labels=jnp.ones((6, 3))), "has fixed labels already"),
    "labels of fewer points": (descent(None, labels=jnp.ones((5, 3))), r"labels has shape \(5, 3\), .* \(6, any\)"),
    "more points than the batch": (descent(None, start=jnp.ones((31, 16))), "labels of 31 points cannot be solved on a batch of 30"),
    "a rate of 0": (descent(FIXED, learning_rate=0.0), "learning_rate of points = 0.0 must be"),
    "steps between chunks": (descent(FIXED, steps=5), "steps = 5 must be a positive multiple"),
    "a class without a sample": (lambda: Targets.of(IMAGES, CLASSES + 1, NORM), "no sample of class 0"),
    "images of another shape": (lambda: Targets.of(IMAGES[:, :3], CLASSES, NORM), "images have shape"),
    "fewer labels than images": (lambda: Targets.of(IMAGES, CLASSES[:4], NORM), "labels has 4 entries for 90 images"),
    "solved labels of other inputs": (lambda: label_solve(KERNEL, jnp.ones((2, 3)), TARGETS), r"points has shape \(2, 3\), .* \(any, 16\)"),
}  # fmt: skip


@each(WRONG)
def test_what_does_not_fit_is_refused(wrong, words):
    with pytest.raises(ValueError, match=words):
        wrong()
