"""Several devices of one machine: a child process with four of them, since JAX counts them once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

import distill_lib as dl

ROOT = Path(__file__).parents[2]
CHILD = """
import json, sys
import jax, numpy as np
import distill_lib as dl

def bits(stats):
    return [np.asarray(leaf).tobytes().hex() for leaf in jax.tree.leaves(stats)]

def apart(a, b):
    return max(
        float(np.abs(x - y).max() / np.abs(y).max())
        for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True)
    )

rng = np.random.default_rng(0)
norm = dl.Normalisation((2, 3, 2), 255.0, (0.3, 0.6), (0.2, 0.4))
phi = dl.FullyConnected.random(jax.random.key(7), (12, 9))
labels = np.arange(4999) % 3  # batches that four do not divide, and a padded one
images = rng.integers(0, 200, (4999, 2, 3, 2)).astype(np.uint8)
images[np.arange(4999), labels % 2, labels % 3] += 55

def stats(devices=None, x=images, y=labels):
    return dl.RidgeStats.of_images(x, y, 3, phi, norm, devices=devices)

devices, alone = jax.devices(), stats()
four, again = stats(devices), stats(devices)
fits = [
    dl.fit(images, labels, phi, norm, key=jax.random.key(0), regs=(1.0,), devices=some)
    for some in (None, devices)
]
said = []
for wrong in ([], [devices[0]] * 2):
    try:
        stats(wrong)
    except ValueError as error:
        said.append(str(error))
print(json.dumps({
    "devices": len(devices),
    "repeats": bits(four) == bits(again),
    "error": {n: apart(stats(devices[:n]), alone) for n in (1, 2, 3, 4)},
    "few": apart(stats(devices, images[:3], labels[:3]), stats(None, images[:3], labels[:3])),
    "symmetric": bool((four.gram == four.gram.T).all()),
    "on": [str(d) for leaf in jax.tree.leaves(four) for d in leaf.devices()],
    "first": str(devices[0]),
    "counts": [int(alone.count), int(four.count)],
    "weights": apart(fits[1].weights, fits[0].weights),
    "said": said,
}))
"""


@pytest.fixture(scope="module")
def found():
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_sums_on_four_devices_are_those_of_one_up_to_rounding(found):
    assert found["devices"] == 4
    assert max(found["error"].values()) < 1e-13
    assert found["few"] < 1e-13
    assert found["counts"] == [4999, 4999]
    assert found["symmetric"]
    assert found["weights"] < 1e-9


def test_four_devices_give_the_same_bits_again(found):
    assert found["repeats"]


def test_the_sums_end_on_the_first_device(found):
    assert set(found["on"]) == {found["first"]}


def test_no_device_or_one_twice_is_refused(found):
    assert len(found["said"]) == 2
    assert all("give each of them once" in said for said in found["said"])


@pytest.mark.parametrize("n", [1, 7, 93])
def test_one_device_by_name_is_one_device(n):
    rng = np.random.default_rng(0)
    norm = dl.Normalisation((2, 3, 2), 255.0, (0.3, 0.6), (0.2, 0.4))
    images, labels = rng.integers(0, 256, (n, 2, 3, 2)).astype(np.uint8), np.arange(n) % 3
    rest = labels, 3, dl.Linear(12), norm
    a = dl.RidgeStats.of_images(images, *rest, devices=jax.devices()[:1])
    b = dl.RidgeStats.of_images(images, *rest)
    for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True):
        assert np.allclose(x, y, rtol=1e-13, atol=1e-13 * np.abs(y).max())
