"""Linear probes: vectors carry them, logistic regression in a limit, and vectors are no images."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest
from helpers import matrix, seeds
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

import distill_lib as dl
from distill_lib.data import load
from distill_lib.experiments import probes
from distill_lib.experiments.encoder import trained
from distill_lib.experiments.of_logistic import of_logistic

K, P = 3, 8
few = settings(max_examples=10, deadline=None)
SETTINGS = {"classes": 3, "width": 4, "depth": 1, "steps": 100, "batch": 32, "rate": 0.1}


def as_data(seed=0, n=150):
    """Images of p pixels that are the embeddings themselves, none of them negative."""
    rng = np.random.default_rng(seed)
    centres, y = 2 * rng.random((K, P)), np.arange(n) % K
    x = np.maximum(centres[y] + 0.4 * rng.normal(size=(n, P)), 0)
    info = SimpleNamespace(classes=list("abc"))
    return SimpleNamespace(
        info=info, x_train=x[:100], y_train=y[:100], x_test=x[100:], y_test=y[100:]
    )


@pytest.fixture(scope="module")
def embedded():
    return probes.probe(lambda images: images, as_data())


@pytest.fixture(scope="module")
def frozen():
    return trained(load("digits"), **SETTINGS)


def test_vectors_and_solved_images_carry_the_probe(embedded):
    plus, minus, ridge, images = probes.carried(embedded, 1e-3)
    for row in (plus, minus, ridge, images):
        assert row["error"] < 1e-9
        assert row["other answers"] == 0
        assert row["accuracy"] == row["original"]
    assert [row["images"] for row in (plus, minus, ridge, images)] == [K, K, K, P]
    assert probes.small_set(embedded, 1e-3, "-").reg_s > 0


def test_the_bytes_are_those_of_the_arrays(embedded, tmp_path):
    found = {row["kept"]: row for row in probes.sizes(embedded)}
    y = embedded.y.astype(np.uint8)
    points = np.asarray(probes.small_set(embedded).points)
    whole = embedded.x.astype(np.float32).nbytes + y.nbytes
    dl.RidgeStats.of(embedded.x, np.eye(K)[embedded.y]).save(tmp_path / "s.npz")
    with np.load(tmp_path / "s.npz") as file:
        kept = sum(file[name].nbytes for name in ("triangle", "cross", "label_sq", "count"))
    assert found["all embeddings"]["bytes"] == whole
    assert found["statistics"]["bytes"] == kept
    assert found["one vector a class"]["bytes"] == points.nbytes + K
    assert found["the probe itself"]["bytes"] == np.asarray(embedded.model.weights).nbytes
    assert found["statistics"]["ratio"] == whole / kept


@few
@given(seeds, st.booleans(), st.sampled_from((0.5, 2.0)))
def test_logistic_regression_on_short_points_tends_to_their_inner_products(seed, intercept, c):
    """And quadratically: points of a third of the length are 9 times nearer."""
    u = np.random.default_rng(seed).normal(size=(4, 6))
    limit, off = c * (np.eye(4) - 1 / 4) @ u, []
    for t in (0.06, 0.02):
        fitted = LogisticRegression(C=c, tol=1e-12, max_iter=1000, fit_intercept=intercept)
        found = fitted.fit(t * u, np.arange(4)).coef_ / t
        off.append(np.linalg.norm(found - limit) / np.linalg.norm(limit))
    assert off[0] < 0.05
    assert off[1] < off[0] / 5


@few
@given(seeds)
def test_at_the_root_minus_logistic_regression_answers_as_the_probe(seed):
    """At the root + it need not: its points have the inner products of the pseudoinverse."""
    rng = np.random.default_rng(seed)
    w, tests = matrix(rng, K, P, spread=30.0), rng.normal(size=(200, P))
    scores = tests @ w.T
    best = np.sort(scores, axis=1)
    clear = best[:, -1] - best[:, -2] > 0.05 * np.abs(scores).max(axis=1)
    bound = 1 / (4 * np.linalg.norm(w, 2) ** 2)
    points = {}
    for name, reg in (("-", 1e-3 * bound), ("+", 0.0)):
        points[name] = np.asarray(dl.support_features(w, reg, name))
        again = dl.recovered_weights(points[name], np.eye(K), reg)
        assert np.allclose(again, w, atol=1e-9 * np.linalg.norm(w))
    size = np.linalg.norm(points["-"], 2)
    fitted = LogisticRegression(C=1e-3 / size**2, tol=1e-12, max_iter=1000)
    answers = fitted.fit(points["-"], np.arange(K)).predict(tests)
    assert np.array_equal(answers[clear], scores.argmax(axis=1)[clear])


def test_at_the_root_plus_it_does_not():
    rng = np.random.default_rng(0)
    w, tests = matrix(rng, K, P, spread=30.0), rng.normal(size=(200, P))
    points = np.asarray(dl.support_features(w))
    fitted = LogisticRegression(C=1e-3, tol=1e-12).fit(
        points / np.linalg.norm(points, 2), np.arange(K)
    )
    assert np.mean(fitted.predict(tests) == (tests @ w.T).argmax(axis=1)) < 0.9


@pytest.fixture(scope="module")
def told(embedded):
    return of_logistic(embedded, 1e-3, 60, draws=1)


def test_the_table_of_logistic_regression_shows_it(embedded, told):
    plus, minus, own, real, whole = told
    assert minus["as the probe"] == 1
    assert minus["accuracy"] == probes.carried(embedded, 1e-3)[1]["accuracy"]
    assert own["as the logistic probe"] == whole["as the logistic probe"] == 1
    assert own["accuracy"] == whole["accuracy"]
    assert real["as the probe"] < 1
    assert (plus["images"], whole["images"]) == (K, 60)


def test_the_encoder_learns_its_classes_and_embeds_in_batches_of_any_size(frozen):
    data = load("digits")
    assert frozen.accuracy > 0.8
    found = frozen(data.x_test[:50], batch=16)
    x = frozen.normalisation(data.x_test[:50])
    assert np.allclose(found, frozen.network.hidden(frozen.parameters, x), atol=1e-6)
    assert found.dtype == np.float64
    assert found.min() == 0
    assert found.shape == (50, 64)


def test_an_interrupted_encoder_goes_on_to_the_same_bits(frozen, tmp_path):
    file = tmp_path / "encoder.npz"

    def stop(at):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(load("digits"), **SETTINGS, checkpoint=file, report=stop)
    again = trained(load("digits"), **SETTINGS, checkpoint=file)
    for a, b in zip(
        jax.tree.leaves(frozen.parameters), jax.tree.leaves(again.parameters), strict=True
    ):
        assert np.array_equal(a, b)


def test_no_image_has_the_features_of_the_vectors(frozen, embedded, told):
    data = load("digits")
    found = probes.probe(frozen, data)
    seen = probes.behind(frozen, found, data, images=2)
    assert seen["least embedding"] == 0
    assert 0.1 < seen["negative"] < 0.9
    assert 1 <= seen["least rank"] <= seen["most rank"] <= min(seen["features"], seen["inputs"])
    rows = probes.carried(embedded, 1e-3)
    named = probes.values(frozen, embedded, rows, told, probes.sizes(embedded))
    named |= probes.values_behind(seen)
    assert all(text.format(number) for number, text in named.values())
    recorded = probes.recorded("digits", "digits", rows, told)
    cells = [(row["method"], row["quantity"]) for row in recorded]
    assert len(set(cells)) == len(cells) == 3 * len(rows) + 3 * len(told)
