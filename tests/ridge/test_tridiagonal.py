"""Several lam from one tridiagonal form."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import distill_lib as dl
from distill_lib.ridge import model as ridge_model
from distill_lib.ridge import tridiagonal
from distill_lib.ridge.tridiagonal import solutions

REGS = (1e-3, 0.1, 1.0, 50.0)


def statistics(seed, n, p, k, rank=None, dtype=np.float64):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=(n, p))
    if rank is not None:
        f = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, p))
    return dl.RidgeStats.of(f.astype(dtype), rng.normal(size=(n, k)).astype(dtype))


def by_path(stats, regs):
    path = dl.RidgePath.of(stats)
    return np.stack([np.asarray(path.weights(reg)) for reg in regs])


@given(seed=st.integers(0, 2**32 - 1), p=st.integers(1, 12), k=st.integers(1, 4))
def test_they_are_those_of_the_path(seed, p, k):
    for n in (3, 40):  # of fewer samples than features too
        stats = statistics(seed, n, p, k)
        wanted = by_path(stats, REGS)
        found = solutions(stats, REGS)
        assert found.shape == (len(REGS), k, p)
        bound = 1e-13 * float(np.linalg.norm(stats.gram, 2) + 1) / REGS[0]
        assert np.abs(found - wanted).max() <= bound * np.abs(wanted).max()


def test_in_single_precision():
    stats = statistics(0, 40, 9, 3, dtype=np.float32)
    found = solutions(stats, (1.0, 10.0))
    assert found.dtype == np.float32
    assert np.allclose(found, by_path(stats, (1.0, 10.0)), rtol=0, atol=1e-4)


def eigenvectors_asked_for(monkeypatch):
    asked = []

    class Counted:
        @staticmethod
        def of(stats):
            asked.append(stats)
            return dl.RidgePath.of(stats)

    monkeypatch.setattr(tridiagonal, "RidgePath", Counted)
    monkeypatch.setattr(ridge_model, "RidgePath", Counted)
    return asked


@pytest.mark.parametrize("refit", [False, True])
def test_a_fit_needs_no_eigenvectors(monkeypatch, refit):
    asked = eigenvectors_asked_for(monkeypatch)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 2, 3, 1), np.uint8), np.arange(60) % 3
    norm = dl.Normalisation((2, 3, 1), 255, (0.5,), (0.25,))
    options = {"key": jax.random.key(0), "regs": REGS, "ties": "largest", "val_fraction": 0.2}
    model = dl.fit(images, labels, dl.Linear(6), norm, refit=refit, **options)
    assert not asked
    assert model.reg in REGS
    dl.fit(images, labels, dl.Linear(6), norm, validation="leave-one-out", **options)
    assert len(asked) == 1


def test_where_rounding_is_larger_than_lam_the_eigenvalues_are_asked(monkeypatch):
    """G of rank 3 with entries of 1e12: what should be zero eigenvalues is about 1e-3."""
    asked = eigenvectors_asked_for(monkeypatch)
    stats = statistics(0, 40, 12, 2, rank=3)
    large = dl.RidgeStats(1e12 * stats.gram, 1e6 * stats.cross, stats.label_sq, stats.count)
    regs = (1e-9, 1.0)
    found = solutions(large, regs)
    assert len(asked) == 1
    assert np.array_equal(found, by_path(large, regs))
    assert len(asked) == 1
    assert np.isfinite(found).all()


def test_at_zero_it_is_the_solution_of_least_norm():
    stats = statistics(0, 5, 8, 2)
    assert np.array_equal(solutions(stats, (0.0,))[0], dl.RidgePath.of(stats).weights(0.0))
