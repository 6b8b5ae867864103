"""What the page on Theorem 5.1 computes: round trips, preimages."""

import jax.numpy as jnp
import numpy as np

from distill_lib.data import load
from distill_lib.experiments import theorem_5_1

VARIANCE = 80.0


def test_a_round_trip_through_a_wide_layer_keeps_the_image_when_it_is_near():
    phi = theorem_5_1.maps(load("digits").info, VARIANCE)["fully connected, d/2"]
    x = jnp.asarray(np.random.default_rng(0).normal(size=(3, 64)))
    trip = theorem_5_1.round_trip(phi, x)
    assert trip["p"] == 32
    assert max(trip[part] for part in ("error", "error near", "image again")) < 1e-10


def test_sets_through_every_map_and_the_rows_of_them(monkeypatch):
    few = ("linear", "Fourier, d/2", "Fourier", "fully connected")
    maps = theorem_5_1.maps
    monkeypatch.setattr(theorem_5_1, "maps", lambda *a: {kind: maps(*a)[kind] for kind in few})
    made = theorem_5_1.distilled("digits", 1, VARIANCE)
    assert made.real.shape == (10, 8, 8, 1)
    for fact in made.facts.values():
        assert max(fact["error, noise"], fact["error, real"]) < 1e-8
        assert fact["near"] <= fact["least norm"] * (1 + 1e-9)
        assert fact["same answers"] == 1
    trips = [
        {
            "data set": "d",
            "feature map": "linear",
            "error": 1e-16,
            "error near": 3e-16,
            "image again": 0.0,
        }
    ]
    rows, values = theorem_5_1.recorded(trips, {("digits", 1): made}, VARIANCE)
    assert [row["measured"] for row in rows[:1]] == [3e-16]
    assert [row["model"] for row in rows[1:]] == list(few)
    assert values["scale"][0] == made.facts["Fourier, d/2"]["scale"] < 1


def test_two_sizes_from_noise_share_a_scale_and_a_model():
    found = theorem_5_1.from_noise("digits")
    assert set(found.accuracies.values()) == {found.original}
    assert all(((x >= 0) & (x <= found.white)).all() for x in found.pictures.values())
