"""Label solve with the exact kernel of a ConvNet: real images, the best labels for all samples."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from distill_lib.baselines import kip
from distill_lib.data import Dataset
from distill_lib.experiments.rfad_cell import inputs_of
from distill_lib.images.sampling import balanced_sample
from distill_lib.kernels import regression
from distill_lib.kernels.infinite_width import Architecture, InfiniteWidth

Row = dict[str, Any]


def rows(
    data: Dataset,
    ipc: int,
    *,
    seed: int = 0,
    architecture: Architecture = "convnet",
    depth: int = 3,
    block: int | None = None,
    report: Callable[[int, int], None] | None = None,
) -> list[Row]:
    """Test accuracy of solved labels on a random subset, under the kernel that solved them.

    The NTK of a ConvNet, on standardised images, in colour whitened too (Nguyen et al. 2021b).

    Args:
        ipc: images a class.
        block: of the kernel matrices, see `blocks.cross`.
        report: called with the samples seen, and all of them.
    """
    k, inputs = len(data.info.classes), inputs_of(data)
    kernel = InfiniteWidth("ntk", architecture, depth, data.info.shape)
    chosen = np.asarray(balanced_sample(jax.random.key(500 + seed), data.y_train, ipc * k, k))
    points = inputs(data.x_train[chosen])
    targets = kip.Targets.of(data.x_train, data.y_train, inputs, k)
    solved = kip.label_solve(kernel, points, targets, block=block, report=report)
    x = inputs(data.x_test)
    right = regression.accuracy(kernel, points, solved, x, data.y_test, block=block)
    cell = {"table": "baselines", "dataset": data.info.name, "ipc": ipc, "method": "label solve"}
    cell |= {"model": f"{architecture}-{depth} ntk", "quantity": "accuracy", "unit": "%"}
    return [cell | {"measured": 100 * right, "test_images": len(data.y_test)}]
