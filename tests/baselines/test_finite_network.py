"""Training on a distilled set: centred outputs start at zero, wide networks become NTK regression,
seeds and keys do what they say.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import pictures
from messages import each

import distill_lib as dl
from distill_lib.baselines.descent import Diverged
from distill_lib.baselines.finite_network import FiniteNetwork, Loss, train, train_stably
from distill_lib.baselines.training_set import centred_labels
from distill_lib.kernels.blocks import gram
from distill_lib.kernels.infinite_width import InfiniteWidth
from distill_lib.kernels.random_networks import Network

K, SHAPE = 3, (4, 4, 1)
IMAGES, CLASSES = pictures(K, SHAPE)
NORM = dl.Normalisation(SHAPE, 255.0, (0.4,), (0.2,))
POINTS, LABELS = NORM(IMAGES[:9]), centred_labels(CLASSES[:9], K)
CONVNET = FiniteNetwork(Network(SHAPE, 8, 1), K)
KEY = jax.random.key(2)


def stacked(model, seeds=(0, 1)):
    draws = [model.draw(jax.random.fold_in(KEY, i)) for i in seeds]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *draws)


def test_centred_outputs_are_zero_at_the_start_and_the_loss_is_that_of_the_labels():
    start = stacked(CONVNET)
    loss = Loss(CONVNET, start, POINTS, LABELS, label_scale=4.0)
    one = jax.tree.map(lambda leaf: leaf[0], start)
    assert np.all(jax.jit(lambda now, at, x: loss.outputs(now, at, x))(one, one, POINTS) == 0)
    assert np.isclose(loss(start, KEY), 2 * np.mean(LABELS**2), rtol=1e-6)  # two networks
    bare = Loss(CONVNET, start, POINTS, LABELS, centred=False)
    assert np.allclose(bare.outputs(one, one, POINTS), CONVNET(one, POINTS))
    assert np.abs(bare.outputs(one, one, POINTS)).max() > 0.01


def test_the_decay_pulls_to_the_start_when_centred_and_to_zero_otherwise():
    start = stacked(CONVNET)
    moved = jax.tree.map(lambda leaf: leaf + 0.1, start)
    count = sum(leaf.size for leaf in jax.tree.leaves(start))
    size = sum(float(jnp.sum(leaf**2)) for leaf in jax.tree.leaves(moved))
    for centred, squared in ((True, 0.01 * count), (False, size)):
        values = [
            Loss(CONVNET, start, POINTS, LABELS, centred, 1.0, decay)(moved, KEY)
            for decay in (0.0, 0.5)
        ]
        assert np.isclose(values[1] - values[0], 0.5 * squared, rtol=1e-4)


def test_both_parameterisations_are_the_same_function_at_the_start():
    other = FiniteNetwork(CONVNET.network, K, "ntk")
    assert np.allclose(
        CONVNET(CONVNET.draw(KEY), POINTS), other(other.draw(KEY), POINTS), atol=1e-5
    )


def test_networks_differ_by_seed_are_the_same_by_key_and_do_not_disturb_each_other():
    def run(seeds, key=KEY):
        return train(
            CONVNET, POINTS, LABELS, seeds, key=key, steps=20, every=10, learning_rate=0.05
        )

    both = run(2)
    scores = both.scores(NORM(IMAGES))
    assert scores.shape == (2, len(IMAGES), K)
    assert np.abs(scores[0] - scores[1]).max() > 1e-3
    assert np.array_equal(run(2).scores(NORM(IMAGES)), scores)
    assert np.allclose(run([1]).scores(NORM(IMAGES))[0], scores[1], rtol=1e-3, atol=1e-5)
    assert both.descent.losses[-1] < both.descent.losses[0] / 2
    right = np.mean(scores.argmax(2) == CLASSES, axis=1)
    assert np.allclose(both.accuracies(IMAGES, CLASSES, NORM, batch=40), right)


def test_a_wide_network_in_small_steps_is_regression_with_the_ntk():
    shape, n, k = (2, 2, 1), 6, 2
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(n + 5, 4)), rng.normal(size=(n, k))
    ntk = np.asarray(gram(InfiniteWidth("ntk", "fc", 1, shape), x))
    wanted = ntk[n:, :n] @ np.linalg.solve(ntk[:n, :n], y)
    rate = 0.25 * n * k / np.linalg.eigvalsh(ntk[:n, :n])[-1]
    off = {}
    for width in (32, 2048):
        model = FiniteNetwork(Network(shape, width, 1, "fc"), k, "ntk")
        found = train(model, x[:n], y, 4, key=KEY, steps=500, every=500, learning_rate=float(rate))
        assert found.descent.losses[-1] < 1e-3 * found.descent.losses[0]
        off[width] = np.sqrt(np.mean((found.scores(x[n:]) - wanted) ** 2)) / np.sqrt(
            np.mean(wanted**2)
        )
    assert off[2048] < 0.12
    assert off[2048] < off[32] / 3


def test_validation_keeps_the_best_parameters_and_stops(tmp_path):
    options = {"key": KEY, "steps": 60, "every": 5, "learning_rate": 0.05, "patience": 15}
    x = NORM(IMAGES)
    found = train(CONVNET, POINTS, LABELS, 2, validation=(x, CLASSES), **options)
    best = max(found.descent.watched)
    assert np.isclose(np.mean(found.scores(x).argmax(2) == CLASSES), best)
    assert len(found.descent.losses) <= 5 * int(np.argmax(found.descent.watched)) + 15
    path = tmp_path / "state.npz"
    train(CONVNET, POINTS, LABELS, 2, validation=(x, CLASSES), checkpoint=path, **options)
    again = train(CONVNET, POINTS, LABELS, 2, validation=(x, CLASSES), checkpoint=path, **options)
    assert np.array_equal(again.scores(x), found.scores(x))


def trained(**change):
    given_ = {"points": POINTS, "labels": LABELS, "seeds": 1, "key": KEY, "steps": 1} | change
    return lambda: train(CONVNET, **given_)


WRONG = {
    "a rate that is too high": (trained(steps=200, every=200, learning_rate=1e4), "lower the learning rate"),
    "points of another size": (trained(points=POINTS[:, :5]), r"points has shape \(9, 5\)"),
    "fewer labels": (trained(labels=LABELS[:4]), r"labels has shape \(4, 3\)"),
    "no seed": (trained(seeds=0), "no seed was given"),
    "a batch of more points": (trained(batch=10), "a batch of 10 cannot be drawn from 9 points"),
    "labels scaled by 0": (trained(label_scale=0.0), "label_scale = 0.0 must be"),
    "a negative decay": (trained(weight_decay=-1.0), "weight_decay = -1.0 is not"),
    "an unknown parameterisation": (lambda: FiniteNetwork(CONVNET.network, K, "mup"), "'mup' is unknown; known are standard and ntk"),
}  # fmt: skip


@each(WRONG)
def test_what_cannot_be_trained_is_one_sentence(wrong, words):
    with pytest.raises((ValueError, Diverged), match=words):
        wrong()


def test_the_largest_rate_that_does_not_diverge_is_taken(tmp_path):
    options = {"key": KEY, "steps": 200, "every": 100, "checkpoint": tmp_path / "state.npz"}
    found, rate = train_stably(CONVNET, POINTS, LABELS, 1, rates=(0.01, 1e4, 0.05), **options)
    alone = train(CONVNET, POINTS, LABELS, 1, key=KEY, steps=200, every=100, learning_rate=0.05)
    assert rate == 0.05
    assert np.array_equal(found.descent.losses, alone.descent.losses)
    with pytest.raises(Diverged):
        train_stably(CONVNET, POINTS, LABELS, 1, rates=(1e4, 1e5), **options)
    with pytest.raises(ValueError, match="no learning rate was given"):
        train_stably(CONVNET, POINTS, LABELS, 1, rates=(), **options)
