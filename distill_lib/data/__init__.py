"""Data sets with their facts, licences and digests.

8 x 8 digits, MNIST, Fashion-MNIST, CIFAR-10, CIFAR-100 and SVHN.
"""

from distill_lib.data.catalogue import content_of, names
from distill_lib.data.facts import DataError, DatasetInfo
from distill_lib.data.store import Dataset, Listing, describe, fetch, load, where

__all__ = [
    "DataError",
    "Dataset",
    "DatasetInfo",
    "Listing",
    "content_of",
    "describe",
    "fetch",
    "load",
    "names",
    "where",
]
