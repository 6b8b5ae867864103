"""The spectrum of the digits under the chosen ridge parameter."""

import numpy as np

from distill_lib.data import load
from distill_lib.experiments import ridge


def test_the_spectrum_is_that_of_the_images_and_halved_at_the_root_of_lam():
    data = load("digits")
    found = ridge.spectrum(data)
    values = {name: number for name, (number, _) in ridge.values(found).items()}
    assert values["directions"] <= values["dim"] == np.prod(data.info.shape)
    assert (np.diff(found.s) <= 0).all()
    assert (found.filters[: found.kept][found.s < np.sqrt(found.reg)] < 0.5).all()
    assert 0 < values["effective"] < values["directions"]
