"""What a fresh run of the pages on KIP and RFAD gave on the digits, against what the methods must
at least give.
"""

import pytest
from recorded import fresh, measured

# Points of accuracy by which KIP must beat a random subset of the same size on digits; it does by
# about 29 and 7.
MARGIN = {1: 20.0, 10: 4.0}


def kip(ipc: int, method: str) -> float:
    return measured(fresh("kip"), quantity="accuracy", ipc=ipc, method=method)


@pytest.mark.parametrize("ipc", MARGIN)
def test_kip_beats_a_random_subset_of_the_same_size(ipc):
    for method in ("kip fixed", "kip learned"):
        assert kip(ipc, method) > kip(ipc, "random subset") + MARGIN[ipc], method


@pytest.mark.parametrize("ipc", MARGIN)
def test_solved_labels_are_better_than_the_samples_own(ipc):
    assert kip(ipc, "random subset") < kip(ipc, "label solve") < kip(ipc, "kip fixed")


@pytest.mark.parametrize("kernel", ["convnet-2 empirical nngp", "convnet-2 nngp"])
@pytest.mark.parametrize("method", ["rfad mse", "rfad platt"])
def test_rfad_beats_a_random_subset_by_fifteen_points(kernel, method):
    """One image per class: under the same kernel a random subset has about 60 %."""
    found = fresh("rfad")
    where = {"quantity": "accuracy", "model": kernel, "ipc": 1}
    assert (
        measured(found, method=method, **where)
        > measured(found, method="random subset", **where) + 15
    )


@pytest.mark.parametrize("method", ["more width", "more networks"])
def test_the_error_falls_as_one_over_the_root_of_the_features(method):
    assert -0.65 < measured(fresh("rfad"), quantity="error exponent", method=method) < -0.35
