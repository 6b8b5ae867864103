"""The sums of ridge regression on several devices of one machine: each batch is shared by rows."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from distill_lib.features import FeatureMap
from distill_lib.images.whitening import Preprocessing
from distill_lib.ridge.batches import samples_of
from distill_lib.ridge.sums import added, mirrored

_PARTS = PartitionSpec("parts")


class ShardedSums:
    """The sums G, C, ||Y||^2 and n of equal shares of each batch, one share a device.

    Each device adds up its own; they meet once, in `whole`, in the order of the devices. So there
    is no traffic between them on the way, and the same devices give the same bits. Another number
    of them gives another order of the sums, and the same numbers up to rounding.

    Raises: ValueError without devices, or for one that is named twice.
    """

    def __init__(self, p: int, k: int, dtype, devices: Sequence[Any]) -> None:
        if not devices or len(set(devices)) < len(devices):
            raise ValueError(
                f"devices = {list(devices)}: give each of them once, for instance jax.devices()."
            )
        mesh = Mesh(np.array(devices), ("parts",))
        self.shares, self.devices = NamedSharding(mesh, _PARTS), list(devices)

        def zeros(*shape, dtype=dtype):
            return jnp.zeros((len(devices), *shape), dtype, device=self.shares)

        self.sums = zeros(p, p), zeros(k, p), zeros(), zeros(dtype=np.int64)

    def add_images(
        self, feature_map: FeatureMap, normalisation: Preprocessing, images, labels
    ) -> None:
        """Add a batch of images; those of label -1 are padding."""
        missing = -len(images) % len(self.devices)
        images = np.concatenate([images, np.zeros((missing, *images.shape[1:]), images.dtype)])
        labels = np.concatenate([labels, np.full(missing, -1, labels.dtype)])
        batch = jax.device_put((images, labels), self.shares)
        self.sums = _added((feature_map, normalisation, batch, self.shares.mesh), self.sums)

    def whole(self) -> tuple[Any, ...]:
        """The arguments of `RidgeStats`, on the first device."""
        return mirrored(tuple(self._total(part) for part in self.sums))

    def _total(self, part):
        shards = sorted(part.addressable_shards, key=lambda shard: shard.index[0].start)
        total = jax.device_put(shards[0].data[0], self.devices[0])
        for shard in shards[1:]:
            total = total + jax.device_put(shard.data[0], self.devices[0])
        return total


@eqx.filter_jit(donate="all-except-first")
def _added(given, sums):
    feature_map, normalisation, batch, mesh = given
    arrays, rest = eqx.partition((feature_map, normalisation), eqx.is_array)

    def share(sums, arrays, images, labels):
        phi, norm = eqx.combine(arrays, rest)
        mine = tuple(part[0] for part in sums)
        made = added(mine, *samples_of(phi, norm, images, labels, len(mine[1])))
        return tuple(part[None] for part in made)

    every = (_PARTS, PartitionSpec(), _PARTS, _PARTS)
    mapped = jax.shard_map(share, mesh=mesh, in_specs=every, out_specs=_PARTS)
    return mapped(sums, arrays, *batch)
