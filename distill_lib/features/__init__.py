"""Feature maps phi: R^d -> R^p, with a right inverse where there is one."""

from distill_lib.features.base import FeatureMap
from distill_lib.features.convolution import Convolution
from distill_lib.features.coupling import AffineCoupling
from distill_lib.features.deep_linear import DeepLinear
from distill_lib.features.fourier import RandomFourier
from distill_lib.features.fully_connected import FullyConnected
from distill_lib.features.linear import Linear

KINDS: dict[str, type[FeatureMap]] = {
    kind.__name__: kind
    for kind in (Linear, FullyConnected, RandomFourier, AffineCoupling, Convolution, DeepLinear)
}

__all__ = [
    "KINDS",
    "AffineCoupling",
    "Convolution",
    "DeepLinear",
    "FeatureMap",
    "FullyConnected",
    "Linear",
    "RandomFourier",
]
