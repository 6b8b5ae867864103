"""What a step of RFAD costs, and what a lower precision changes in its outcome.

The outcome is its kernel, its loss and its gradient.
"""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from distill_lib.baselines.rfad_objective import Objective, Support
from distill_lib.baselines.training_set import Targets, centred_labels
from distill_lib.images.normalisation import Normalisation
from distill_lib.kernels.random_networks import Network, Precision, RandomNetworks, from_features

Row = dict[str, Any]


def objective(
    shape: tuple[int, int, int],
    ipc: int,
    precision: Precision,
    *,
    networks: int = 8,
    width: int = 256,
    batches: int = 4,
    batch: int = 1280,
    classes: int = 10,
) -> tuple[Objective, Support]:
    """A step's objective on random images, and a support set for it.

    A step takes as long whatever the images show.
    """
    rng = np.random.default_rng(0)
    count = max(batches * batch, ipc * classes)
    images = rng.integers(0, 256, (count, *shape)).astype(np.uint8)
    norm = Normalisation(shape, 255.0, (0.5,) * shape[2], (0.25,) * shape[2], "float32")
    labels = centred_labels(jnp.arange(ipc * classes) % classes, classes, "float32")
    made = Objective(
        RandomNetworks(Network(shape, width), networks),
        Targets.of(images, np.arange(count) % classes, norm, classes),
        labels,
        loss="platt",
        batches=batches,
        batch=batch,
        precision=precision,
    )
    points = norm(images[: ipc * classes])
    support = {"points": points, "labels": labels, "tau": jnp.zeros((), jnp.float32)}
    return made, support | {"transform": jnp.eye(norm.dim, dtype=jnp.float32)}


def operations(made: Objective, m: int) -> int:
    """Floating-point operations of a step's products, counted.

    Forward for the targets, forward and back for the support. Of the networks 1 + 1 products a
    layer and support point, since no gradient goes to the weights; K_SS twice; the two products
    with F_T and their gradients, three in all. The solve, O(m^3), is left out.

    Example:
        >>> from distill_lib.experiments.rfad_step import objective, operations
        >>> made, _ = objective((8, 8, 1), 1, "highest", networks=1, width=2, batches=1, batch=8)
        >>> operations(made, m=20) > operations(made, m=10)
        True
    """
    networks, n, k = made.networks, made.batches * made.batch, made.targets.count
    below = networks.count * networks.network.operations * (n + 2 * m)
    p = networks.dim_out
    return below + 3 * 2 * m * m * p + 3 * 2 * n * p * k


def step_rows(
    shape: tuple[int, int, int],
    ipc: int,
    precision: Precision,
    repeats: int = 10,
    repeatable: bool = False,
    **settings: int,
) -> list[Row]:
    """Seconds, operations and memory of one step of loss and gradient, as rows of a table.

    The step is compiled; the seconds are the least of `repeats` times. "same bits" is 1 where two
    calls with the same key gave the same loss and gradient to the last bit.

    Args:
        repeatable: compile without operations that need not repeat to the bit.
    """
    made, support = objective(shape, ipc, precision, **settings)
    options: Any = {"xla_gpu_exclude_nondeterministic_ops": True} if repeatable else None
    compiled = _slope.lower(made, support, jax.random.key(0)).compile(compiler_options=options)
    once, again = (
        jax.tree.leaves(jax.device_get(compiled(made, support, jax.random.key(0))))
        for _ in range(2)
    )
    same = all(np.array_equal(a, b) for a, b in zip(once, again, strict=True))
    taken = []
    for i in range(repeats):
        began = time.perf_counter()
        jax.block_until_ready(compiled(made, support, jax.random.key(i)))
        taken.append(time.perf_counter() - began)
    m = len(support["points"])
    count = operations(made, m)
    memory: Any = compiled.memory_analysis()
    cell = {
        "table": "rfad step",
        "dataset": "x".join(map(str, shape)),
        "ipc": ipc,
        "method": precision + ", repeatable" * repeatable,
    }
    cell |= {"model": f"{made.networks.count} ConvNets of width {made.networks.network.width}"}
    cell |= {"targets": made.batches * made.batch}
    return [
        cell | {"quantity": "seconds", "measured": min(taken), "unit": "s", "repeats": repeats},
        cell | {"quantity": "operations", "measured": count, "unit": "FLOP"},
        cell | {"quantity": "rate", "measured": count / min(taken) / 1e12, "unit": "TFLOP/s"},
        cell | {"quantity": "memory", "measured": memory.temp_size_in_bytes / 2**30, "unit": "GiB"},
        cell | {"quantity": "same bits", "measured": int(same), "unit": ""},
    ]


def precision_rows(
    shape: tuple[int, int, int], ipc: int, precision: Precision, draws: int = 3, **settings: int
) -> list[Row]:
    """How far a step under a precision is from that under "highest", as rows of a table.

    Compared are K_TS, the loss and its gradient, for the same drawn networks.
    """
    found: dict[str, list[float]] = {"kernel": [], "loss": [], "gradient": []}
    exact, support = objective(shape, ipc, "highest", **settings)
    rough, _ = objective(shape, ipc, precision, **settings)
    low: Precision = "highest" if precision == "highest" else "tf32"
    x, _ = exact.targets(jnp.arange(min(512, len(exact.targets))))

    def kernels(made, of_targets, of_support, key):
        drawn = made.networks.draw(key)
        f = made.networks.hidden(drawn, x, of_targets)
        return from_features(f, made.networks.hidden(drawn, support["points"], of_support))

    for i in range(draws):
        key = jax.random.key(i)
        a, b = kernels(exact, "highest", "highest", key), kernels(rough, precision, low, key)
        found["kernel"].append(_apart(b, a))
        (loss, gradient), (rough_loss, rough_gradient) = (
            _slope(exact, support, key),
            _slope(rough, support, key),
        )
        found["loss"].append(_apart(rough_loss, loss))
        found["gradient"].append(_apart(rough_gradient["points"], gradient["points"]))
    cell = {
        "table": "rfad precision",
        "dataset": "x".join(map(str, shape)),
        "ipc": ipc,
        "method": precision,
    }
    return [
        cell
        | {"model": name, "quantity": "relative error", "measured": float(np.max(values))}
        | {"unit": "", "draws": draws}
        for name, values in found.items()
    ]


@jax.jit
def _slope(made, support, key):
    """Loss and gradient of a step."""
    return jax.value_and_grad(made)(support, key)


def _apart(found, wanted) -> float:
    """The relative distance of two arrays."""
    return float(jnp.linalg.norm(jnp.ravel(found - wanted)) / jnp.linalg.norm(jnp.ravel(wanted)))
