"""Generated images have the statistics that are stated, wherever they are made."""

import jax
import numpy as np
import pytest

import distill_lib as dl
from distill_lib.images import generated_normalisation, generated_partitions


def drawn(count=4, **options):
    parts = generated_partitions(count, **{"size": 16, "rows": 256, "classes": 3} | options)
    images, labels = (np.concatenate(x) for x in zip(*parts.make(), strict=True))
    norm = generated_normalisation(images.shape[1])
    z = np.asarray(norm(images)).reshape(len(images), 3, *images.shape[1:3])
    return z, labels


def test_each_partition_follows_from_its_number_and_no_two_are_alike():
    parts = generated_partitions(5, size=8, classes=4, rows=20)
    one, again, other = parts.piece(3)(), parts.piece(3)(), parts.piece(2)()
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert not np.array_equal(one[0], other[0])
    another = generated_partitions(5, size=8, classes=4, rows=20, seed=1).piece(3)()
    assert not np.array_equal(one[0], another[0])


def test_variance_spectrum_and_colour_are_those_stated():
    z, labels = drawn(between=0.0)
    assert abs(z.mean()) < 0.03
    assert abs(z.var() - 1) < 0.05
    power = (np.abs(np.fft.fft2(z)) ** 2).mean((0, 1))
    f = np.fft.fftfreq(16, 1 / 16)
    wanted = 1 / (1 + np.hypot(f[:, None], f)) ** 2
    ratio = (power / power.sum()) / (wanted / wanted.sum())
    assert np.abs(ratio[np.hypot(f[:, None], f) < 6] - 1).max() < 0.2
    assert abs(np.mean(z[:, 0] * z[:, 1]) - 0.8) < 0.05
    assert np.bincount(labels).min() > 250


def test_the_share_between_classes_is_that_stated():
    z, labels = drawn(count=2, classes=200, rows=1500, between=0.3, size=8)
    means = np.stack([z[labels == c].mean(0) for c in range(200)])
    within = np.mean([z[labels == c].var(0, ddof=1).mean() for c in range(200)])
    counts = np.bincount(labels)
    between = means.var(0).mean() - within * np.mean(1 / counts)
    assert abs(between - 0.3) < 0.06
    assert abs(within - 0.7) < 0.06


def test_the_whole_path_runs_on_them():
    """Fitted, fitted without G, distilled, and the set trains to the same answers."""
    parts = generated_partitions(3, size=8, classes=4, rows=100, between=0.4)
    norm, phi, key = generated_normalisation(8), dl.Linear(192), jax.random.key(0)
    model = dl.fit(parts, None, phi, norm, key=key, regs=(30.0,), val_fraction=0)
    free = dl.fit_matrix_free(parts, None, phi, norm, reg=30.0, key=key, sketch=40)
    assert free.converged
    assert np.allclose(free.model.weights, model.weights, atol=1e-6)
    made = dl.distill(free.model, 4, key=key)
    fresh = generated_partitions(4, size=8, classes=4, rows=100, between=0.4).piece(3)()
    assert np.array_equal(made.predict(fresh[0]), model.predict(fresh[0]))
    assert model.accuracy(*fresh) > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 0}, "size = 0"),
        ({"classes": 1}, "classes = 1"),
        ({"rows": 0}, "rows = 0"),
        ({"between": 1.5}, r"between = 1\.5 is no share"),
        ({"count": 0}, "0 partitions hold nothing"),
    ],
)
def test_bad_settings_are_one_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        generated_partitions(**{"count": 2} | options)
