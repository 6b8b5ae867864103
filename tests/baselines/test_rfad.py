"""RFAD: the loss is the definition's, the descent is AdaBelief with a rate for each part, and goes
on bit for bit; held pixels stay.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import pictures, seeds
from hypothesis import given, settings

import distill_lib as dl
from distill_lib.baselines.rfad import RATES, distill, watcher
from distill_lib.baselines.rfad_objective import Corruption, Objective
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.images.whitening import Whitening
from distill_lib.kernels.random_networks import Network, RandomNetworks

K, SHAPE = 3, (4, 4, 1)
IMAGES, CLASSES = pictures(K, SHAPE)
NORM = dl.Normalisation(SHAPE, 255.0, (0.4,), (0.2,))
NETWORKS = RandomNetworks(Network(SHAPE, 4, 1), 2)
SMALL = {
    "settings": {"batches": 2, "batch": 20},
    "networks": NETWORKS,
    "every": 5,
    "patience": None,
}
KEY = jax.random.key(8)


def objective(**change):
    settings = {"networks": NETWORKS, "targets": Targets.of(IMAGES, CLASSES, NORM)}
    settings |= {"labels": centred_labels(jnp.arange(6) % K, K), "batches": 2, "batch": 20}
    return Objective(**(settings | change))


def support(seed):
    rng = np.random.default_rng(seed)
    return {
        "points": jnp.asarray(rng.normal(size=(6, 16))),
        "labels": jnp.asarray(rng.normal(size=(6, K))),
        "transform": jnp.asarray(rng.normal(size=(16, 16)) / 4),
        "tau": jnp.asarray(rng.normal()),
    }


@pytest.mark.parametrize("loss", ["mse", "platt"])
def test_the_loss_is_that_of_the_definition(loss):
    chosen = objective(loss=loss, jitter=0.02)
    value = jax.jit(chosen.__call__)

    @jax.jit
    def drawn(key, points):
        networks, draw = jax.random.split(key)
        rows = jax.random.choice(draw, len(IMAGES), (2, 20), replace=False).reshape(-1)
        both = jnp.concatenate([points, jnp.asarray(NORM(IMAGES))[rows]])
        return rows, NETWORKS.features(networks, both)

    @settings(max_examples=6)
    @given(seeds)
    def check(seed):
        s, key = support(seed), jax.random.key(seed)
        effective = np.asarray(s["points"]) @ np.asarray(s["transform"])
        rows, both = (np.asarray(part) for part in drawn(key, effective))
        assert len(set(rows)) == 40
        own, f = np.split(both.astype(np.float64), [6])
        gram, cross = 2 * own @ own.T + 0.01, 2 * f @ own.T + 0.01
        gram += 0.02 * np.trace(gram) / 6 * np.eye(6)
        found = cross @ np.linalg.solve(gram, np.asarray(s["labels"]))
        truth = np.eye(K)[CLASSES[rows]]
        if loss == "mse":
            wanted = 0.5 * np.mean((found - truth + 1 / K) ** 2)
        else:
            logits = np.exp(float(s["tau"])) * found
            wanted = np.mean(np.log(np.exp(logits).sum(1)) - np.sum(logits * truth, 1))
        assert np.isclose(value(s, key), wanted, rtol=2e-4)

    check()


def test_what_is_not_descended_is_fixed():
    s = support(0)
    bare = {"points": s["points"]}
    same = bare | {"labels": objective().labels, "transform": jnp.eye(16)}
    value = jax.jit(objective().__call__)
    assert np.isclose(value(bare, KEY), value(same, KEY), rtol=1e-6)


def test_each_part_takes_adabeliefs_first_step_at_its_rate():
    found = distill(
        IMAGES, CLASSES, NORM, 6, key=KEY, steps=1, learn_labels=True,
        **(SMALL | {"every": 1, "settings": SMALL["settings"] | {"loss": "platt"}}),
    ).descent.points  # fmt: skip
    start = {"transform": np.eye(16), "labels": objective().labels, "tau": 0.0}
    for name, first in start.items():
        # m / sqrt(s) with m = g and s = (g - 0.1 g)^2 once the averages are corrected.
        moved = np.abs(found[name] - first) / (RATES[name] / 0.9)
        assert np.isclose(np.median(moved), 1, rtol=1e-2), name
        assert moved.max() < 1.01


def test_descent_improves_on_real_images_and_the_set_carries_it(tmp_path):
    options = SMALL | {"every": 10, "rates": {"points": 0.02, "labels": 0.01}}
    found = distill(IMAGES, CLASSES, NORM, 6, key=KEY, steps=60, learn_labels=True, **options)
    assert (
        max(found.descent.watched) > found.descent.watched[0] * 0.95
    )  # a loss with its sign changed
    one = found.set
    assert np.allclose(one.points, found.support["points"] @ found.support["transform"])
    assert np.array_equal(one.labels, found.support["labels"])
    assert one.label_convention.startswith("learned")
    assert one.provenance["best_step"] == 10 * int(np.argmax(found.descent.watched))
    assert one.provenance["rates"] == {"points": 0.02, "labels": 0.01, "transform": 5e-5}
    one.save(tmp_path / "set")
    other = dl.DistilledSet.load(tmp_path / "set")
    assert other.provenance == one.provenance
    # The exact kernel's predictions are near those of many networks.
    many = RandomNetworks(Network(SHAPE, 64, 1), 32)
    near = objective(networks=many)
    f, own = (many.features(KEY, x) for x in (NORM(IMAGES), one.points))
    wanted = np.asarray(eqx.filter_jit(near.predictions)(own, {"labels": one.labels}, f))
    assert np.corrcoef(other.scores(IMAGES).ravel(), wanted.ravel())[0, 1] > 0.98


def test_an_interrupted_descent_goes_on_bit_for_bit_and_another_is_refused(tmp_path):
    def run(**options):
        platt = SMALL["settings"] | {"loss": "platt"}
        return distill(
            IMAGES,
            CLASSES,
            NORM,
            6,
            key=KEY,
            steps=10,
            corruption=0.2,
            **(SMALL | {"settings": platt} | options),
        )

    def stop(report):
        if report.step == 5:
            raise KeyboardInterrupt

    whole, path = run(), tmp_path / "state.npz"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, report=stop)
    again = run(checkpoint=path)
    assert again.descent.watched == whole.descent.watched
    assert np.array_equal(again.descent.losses, whole.descent.losses)
    for one, other in zip(
        jax.tree.leaves((again.descent.points, again.set)),
        jax.tree.leaves((whole.descent.points, whole.set)),
        strict=True,
    ):
        assert np.array_equal(one, other)
    assert again.set.provenance == whole.set.provenance
    with pytest.raises(ValueError, match="checkpoint of another descent"):
        run(checkpoint=path, watch="accuracy")


def test_validation_ends_the_descent_and_the_best_step_is_kept():
    """The networks' verdict on images set apart stops it; the kept set is that of a run that ends
    there.
    """
    options = SMALL | {"every": 2, "patience": 4, "rates": {"points": 0.3, "labels": 0.3}}
    found = distill(IMAGES, CLASSES, NORM, 6, key=KEY, steps=200, learn_labels=True, **options)
    best = 2 * int(np.argmax(found.descent.watched))
    assert len(found.descent.losses) == best + 4 < 200
    assert found.set.provenance["best_step"] == best
    assert best > 0
    shorter = distill(IMAGES, CLASSES, NORM, 6, key=KEY, steps=best, learn_labels=True, **options)
    assert np.array_equal(shorter.descent.points["points"], found.support["points"])
    assert len(found.held_out) == len(set(found.held_out.tolist())) > 0


def test_held_pixels_stay_at_their_noise_and_the_gradient_leaves_them():
    colour = (4, 4, 3)
    images, classes = pictures(K, colour)
    norm = dl.Normalisation(colour, 255.0, (0.4,) * 3, (0.2,) * 3)
    white = Whitening.of(images, norm)
    made = Corruption.random(KEY, 0.5, 6, white)
    assert 0.35 < made.held.mean() < 0.65
    free = jnp.asarray(np.random.default_rng(1).normal(size=(6, 48)))

    @jax.jit
    def seen_and_slope():
        pixels = white.inverse(free)
        slope = jax.grad(lambda pixels: jnp.sum(jnp.sin(made(white(pixels), white))))(pixels)
        return white.inverse(made(free, white)), pixels, slope

    seen, pixels, slope = map(np.asarray, seen_and_slope())
    held, noise = np.asarray(made.held), np.asarray(made.noise)
    assert np.allclose((seen - noise)[held], 0, atol=1e-8)
    assert np.allclose((seen - pixels)[~held], 0, atol=1e-8)
    # In pixels: nothing that a held pixel is given changes the loss.
    assert np.abs(slope[held]).max() < 1e-12 < np.abs(slope).max()
    networks = RandomNetworks(Network(colour, 4, 1), 2)
    options = SMALL | {"networks": networks, "rates": {"points": 0.05}}
    found = distill(images, classes, white, 6, key=KEY, steps=5, corruption=0.5, **options)
    noise = Corruption.random(jax.random.split(KEY, 5)[2], 0.5, 6, white)
    off = np.abs(found.set.images() - np.asarray(noise.noise))
    assert off[np.asarray(noise.held)].max() < 1e-6
    assert off[~np.asarray(noise.held)].min() > 1e-6
    assert found.set.provenance["corruption"] == 0.5


def test_the_watched_accuracy_is_that_of_the_predictions():
    chosen, s = objective(), support(3)
    s.pop("tau")
    value = watcher(chosen, IMAGES, CLASSES, KEY, "accuracy")(s)
    networks = RandomNetworks(NETWORKS.network, 16)
    own, f = (networks.features(KEY, x) for x in (chosen.effective(s), NORM(IMAGES)))
    guesses = np.argmax(np.asarray(eqx.filter_jit(chosen.predictions)(own, s, f)), 1)
    assert np.isclose(value, np.mean(guesses == CLASSES))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"settings": {"batch": 100}},
            "4 target batches of 100 cannot be drawn from 72 training images",
        ),
        (
            {"settings": {"batch": 5, "loss": "hinge"}},
            "'hinge' is unknown; known are mse and platt",
        ),
        ({"settings": {"batch": 5, "jitter": 0.0}}, "jitter = 0.0 must be"),
        (
            {"networks": RandomNetworks(Network((5, 4, 1), 4, 1))},
            r"networks take images of shape \(5, 4, 1\)",
        ),
        ({"rates": {"pixels": 1.0}}, "not of pixels"),
        ({"corruption": 1.5}, "corruption = 1.5 is no share"),
        ({"watch": "f1"}, "'f1' cannot be watched"),
        ({"start": jnp.zeros((5, 16))}, r"start has shape \(5, 16\)"),
        ({"steps": 7}, "steps = 7 must be a positive multiple of every = 5"),
    ],
)
def test_bad_input_is_one_sentence(change, message):
    with pytest.raises(ValueError, match=message):
        distill(IMAGES, CLASSES, NORM, 6, key=KEY, **({"steps": 5} | SMALL | change))
