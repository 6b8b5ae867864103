"""Data sets: 8 x 8 digits, MNIST, CIFAR-10 and CIFAR-100, each with its facts, licence and digest."""

from distill_lib.data.catalogue import DataError, DatasetInfo, names
from distill_lib.data.store import Dataset, Listing, describe, fetch, load, where

__all__ = [
    "DataError",
    "Dataset",
    "DatasetInfo",
    "Listing",
    "describe",
    "fetch",
    "load",
    "names",
    "where",
]
