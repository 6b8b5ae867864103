"""What is known of each data set before it is read: facts, licence, files, checksums and mirrors."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from distill_lib.data.formats import Arrays, read_cifar, read_digits, read_idx


class DataError(ValueError):
    """A data set that cannot be had: out of reach, unwritable, or a file that is not what it should be.

    The message is one sentence: what failed, where, and what to do.
    """


@dataclass(frozen=True)
class DatasetInfo:
    """Facts about a data set, as recorded with every result computed from it.

    Attributes:
        name: the name that `load` takes.
        title: the name for people.
        classes: class names; label j means classes[j].
        shape: (height, width, channels) of one image.
        pixel_max: the largest pixel value, so that pixels / pixel_max lies in [0, 1].
        mean, std: per channel, for normalising pixels / pixel_max; those of the training pixels for digits,
            the customary constants for the others (see `CIFAR_STD`).
        licence: the terms in one line.
        citation: key in the bibliography.
        digest: SHA-256 (hex) over the bytes of x_train, y_train, x_test, y_test, in this order, each as
            unsigned bytes in C order; empty where the set has not been read yet.
        n_train, n_test: numbers of images.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    pixel_max: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    licence: str
    citation: str
    digest: str
    n_train: int
    n_test: int


@dataclass(frozen=True)
class File:
    """An official file: its name, size in bytes and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Entry:
    """Where a set comes from and how it is read.

    Attributes:
        info: the facts, with an empty digest; an empty mean and std are computed when the set is loaded.
        home: the set's own page.
        read: turns the downloaded `files`, in their order, into the four arrays.
        files: the official files; empty for a set that ships with a dependency.
        mirrors: URLs to which a file's name is appended, tried in order.
    """

    info: DatasetInfo
    home: str
    read: Callable[[Sequence[Path]], Arrays]
    files: tuple[File, ...] = ()
    mirrors: tuple[str, ...] = ()


DIGITS = tuple("0123456789")

FASHION = (
    "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip

# The order of batches.meta.txt.
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The order of fine_label_names.txt, with its underscores as spaces.
_FINE_LABEL_NAMES = """
    apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle
    bowl boy bridge bus butterfly camel can castle caterpillar cattle
    chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur
    dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard
    lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain
    mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree
    plain plate poppy porcupine possum rabbit raccoon ray road rocket
    rose sea seal shark shrew skunk skyscraper snail snake spider
    squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor
    train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
CIFAR100 = tuple(name.replace("_", " ") for name in _FINE_LABEL_NAMES.split())

# MNIST's own home serves it no longer; CIFAR's comes first. What a mirror sends counts only by its checksum.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
FASHION_MNIST_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
)
CIFAR_MIRRORS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
)
CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR_LICENCE = "none stated; the authors ask that the technical report (Krizhevsky 2009) be cited"
# The paper's released code uses these for both sets. They are CIFAR-10's, and the std is the mean of each
# image's own; over all training pixels together it would be .2470 .2435 .2616.
CIFAR_MEAN, CIFAR_STD = (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)

_ENTRIES = (
    Entry(
        DatasetInfo(
            name="digits",
            title="Digits 8 × 8",
            classes=DIGITS,
            shape=(8, 8, 1),
            pixel_max=16,
            mean=(),
            std=(),
            licence="CC BY 4.0 (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository)",
            citation="alpaydin1998optical",
            digest="",
            n_train=1437,
            n_test=360,
        ),
        home="https://archive.ics.uci.edu/dataset/80/",
        read=read_digits,
    ),
    Entry(
        DatasetInfo(
            name="mnist",
            title="MNIST",
            classes=DIGITS,
            shape=(28, 28, 1),
            pixel_max=255,
            mean=(0.1307,),
            std=(0.3081,),
            licence="commonly stated as CC BY-SA 3.0 (copyright Y. LeCun and C. Cortes, from NIST data)",
            citation="lecun1998gradient",
            digest="",
            n_train=60_000,
            n_test=10_000,
        ),
        home="http://yann.lecun.com/exdb/mnist/",
        read=read_idx,
        files=(
            File(
                "train-images-idx3-ubyte.gz",
                9_912_422,
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            File(
                "train-labels-idx1-ubyte.gz",
                28_881,
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            File(
                "t10k-images-idx3-ubyte.gz",
                1_648_877,
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            File(
                "t10k-labels-idx1-ubyte.gz",
                4_542,
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        mirrors=MNIST_MIRRORS,
    ),
    Entry(
        DatasetInfo(
            name="fashion_mnist",
            title="Fashion-MNIST",
            classes=FASHION,
            shape=(28, 28, 1),
            pixel_max=255,
            mean=(0.2860,),
            std=(0.3530,),
            licence="MIT (copyright Zalando SE)",
            citation="xiao2017fashion",
            digest="",
            n_train=60_000,
            n_test=10_000,
        ),
        home="https://github.com/zalandoresearch/fashion-mnist",
        read=read_idx,
        files=(
            File(
                "train-images-idx3-ubyte.gz",
                26_421_880,
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            File(
                "train-labels-idx1-ubyte.gz",
                29_515,
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
            File(
                "t10k-images-idx3-ubyte.gz",
                4_422_102,
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            File(
                "t10k-labels-idx1-ubyte.gz",
                5_148,
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
        mirrors=FASHION_MNIST_MIRRORS,
    ),
    Entry(
        DatasetInfo(
            name="cifar10",
            title="CIFAR-10",
            classes=CIFAR10,
            shape=(32, 32, 3),
            pixel_max=255,
            mean=CIFAR_MEAN,
            std=CIFAR_STD,
            licence=CIFAR_LICENCE,
            citation="krizhevsky2009learning",
            digest="",
            n_train=50_000,
            n_test=10_000,
        ),
        home=CIFAR_HOME,
        read=partial(
            read_cifar,
            train=[f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)],
            test=["cifar-10-batches-bin/test_batch.bin"],
            label_bytes=1,
        ),
        files=(
            File(
                "cifar-10-binary.tar.gz",
                170_052_171,
                "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
            ),
        ),
        mirrors=CIFAR_MIRRORS,
    ),
    Entry(
        DatasetInfo(
            name="cifar100",
            title="CIFAR-100",
            classes=CIFAR100,
            shape=(32, 32, 3),
            pixel_max=255,
            mean=CIFAR_MEAN,
            std=CIFAR_STD,
            licence=CIFAR_LICENCE,
            citation="krizhevsky2009learning",
            digest="",
            n_train=50_000,
            n_test=10_000,
        ),
        home=CIFAR_HOME,
        read=partial(
            read_cifar,
            train=["cifar-100-binary/train.bin"],
            test=["cifar-100-binary/test.bin"],
            label_bytes=2,
        ),
        files=(
            File(
                "cifar-100-binary.tar.gz",
                168_513_733,
                "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
            ),
        ),
        mirrors=CIFAR_MIRRORS,
    ),
)

CATALOGUE: dict[str, Entry] = {entry.info.name: entry for entry in _ENTRIES}


def names() -> tuple[str, ...]:
    """The names that `load` takes, in the order in which they are listed."""
    return tuple(CATALOGUE)


def find(name: str) -> Entry:
    """The catalogue's entry for `name`.

    Raises: ValueError for an unknown name; the message lists the known ones.
    """
    if name not in CATALOGUE:
        raise ValueError(f"there is no data set {name!r}; choose one of {', '.join(names())}.")
    return CATALOGUE[name]
