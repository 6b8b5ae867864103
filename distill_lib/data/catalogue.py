"""What is known of each data set before it is read: facts, licence, files, mirrors."""

from functools import partial

from distill_lib.data.facts import OFFICIAL, DatasetInfo, Entry, File
from distill_lib.data.formats import read_celeba, read_cifar, read_digits, read_idx, read_svhn


def _files(table: str) -> tuple[File, ...]:
    """Official files from a table with a line for each: name, bytes, SHA-256."""
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(File(name, int(size.replace(",", "")), sha256) for name, size, sha256 in rows)


DIGITS = tuple("0123456789")

# The order of the labels in its own README.
FASHION = (
    *("T-shirt/top", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)

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

# MNIST's own home serves it no longer; CIFAR's comes first. What a mirror sends counts only by its
# checksum.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
CIFAR_MIRRORS = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
)
FASHION_MIRRORS = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
)
SVHN_MIRRORS = ("http://ufldl.stanford.edu/housenumbers/",)  # its only home, without TLS
CIFAR_HOME = "https://www.cs.toronto.edu/~kriz/cifar.html"
CIFAR_LICENCE = "none stated; the authors ask that the technical report (Krizhevsky 2009) be cited"
# The paper's released code uses these for both sets. They are CIFAR-10's, and the std is the mean
# of each image's own; over all training pixels together it would be .2470 .2435 .2616.
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
            n_train=1437,
            n_test=360,
        ),
        home="https://archive.ics.uci.edu/dataset/80/",
        read=read_digits,
        contents={"483e81b0ed14f9fe6a57edb201b6adae4f6e0cc63603cc72d7b6a13b74510481": OFFICIAL},
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
            licence=(
                "commonly stated as CC BY-SA 3.0 (copyright Y. LeCun and C. Cortes, from NIST data)"
            ),
            citation="lecun1998gradient",
            n_train=60_000,
            n_test=10_000,
        ),
        home="http://yann.lecun.com/exdb/mnist/",
        read=read_idx,
        files=_files("""
            train-images-idx3-ubyte.gz 9,912,422 440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
            train-labels-idx1-ubyte.gz 28,881 3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
            t10k-images-idx3-ubyte.gz 1,648,877 8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
            t10k-labels-idx1-ubyte.gz 4,542 f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
        """),
        mirrors=MNIST_MIRRORS,
        contents={"06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16": OFFICIAL},
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
            n_train=60_000,
            n_test=10_000,
        ),
        home="https://github.com/zalandoresearch/fashion-mnist",
        read=read_idx,
        files=_files("""
            train-images-idx3-ubyte.gz 26,421,880 3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
            train-labels-idx1-ubyte.gz 29,515 a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
            t10k-images-idx3-ubyte.gz 4,422,102 346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
            t10k-labels-idx1-ubyte.gz 5,148 67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
        """),
        mirrors=FASHION_MIRRORS,
        folder="fashion_mnist",  # its files have the names of MNIST's
        contents={"ca3ab2a37f845e1b8ae23cab1b51749a3011ba3bf1d9016176d75cbaabac376f": OFFICIAL},
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
        files=_files("""
            cifar-10-binary.tar.gz 170,052,171 c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
        """),
        mirrors=CIFAR_MIRRORS,
        contents={
            "b1357bc141b23d0889e3c9b6389e91081b9f7a3c5d1e45fb89a1802643ca28d5": "a copy in the official order, of "
            "which 74 training and 20 test images were recompressed"
        },
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
        files=_files("""
            cifar-100-binary.tar.gz 168,513,733 58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec
        """),
        mirrors=CIFAR_MIRRORS,
        contents={
            "6bc5cb711097cf32a2ce652210d9327cf8ef321061c8ae7d06bd04068c8b77bc": "a copy of the official images and "
            "fine labels in another order, class by class"
        },
    ),
    Entry(
        DatasetInfo(
            name="svhn",
            title="SVHN",
            classes=DIGITS,
            shape=(32, 32, 3),
            pixel_max=255,
            mean=(0.4377, 0.4438, 0.4728),
            std=(0.1980, 0.2010, 0.1970),
            licence="for non-commercial use only, as its authors state",
            citation="netzer2011reading",
            n_train=73_257,
            n_test=26_032,
        ),
        home="http://ufldl.stanford.edu/housenumbers/",
        read=read_svhn,
        files=_files("""
            train_32x32.mat 182,040,794 435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8
            test_32x32.mat 64,275,384 cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b
        """),
        mirrors=SVHN_MIRRORS,
    ),
    Entry(
        DatasetInfo(
            name="celeba",
            title="CelebA, male or not",
            classes=("not male", "male"),
            shape=(64, 64, 3),
            pixel_max=255,
            mean=(0.5063, 0.4258, 0.3832),
            std=(0.3107, 0.2904, 0.2897),
            licence="for non-commercial research only, as its authors state",
            citation="liu2015deep",
            n_train=162_770,
            n_test=19_962,
        ),
        home="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        read=read_celeba,
        files=_files("""
            list_attr_celeba.txt 26,721,026 f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0
            list_eval_partition.txt 2,836,386 fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7
            img_align_celeba.zip 1,443,490,838 46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74
        """),
    ),
)

CATALOGUE: dict[str, Entry] = {entry.info.name: entry for entry in _ENTRIES}


def names() -> tuple[str, ...]:
    """The names that `load` takes, in the order in which they are listed.

    Example:
        >>> from distill_lib.data import names
        >>> names()
        ('digits', 'mnist', 'fashion_mnist', 'cifar10', 'cifar100', 'svhn', 'celeba')
    """
    return tuple(CATALOGUE)


def find(name: str) -> Entry:
    """The catalogue's entry for `name`.

    Raises: ValueError for an unknown name; the message lists the known ones.
    """
    if name not in CATALOGUE:
        raise ValueError(f"there is no data set {name!r}; choose one of {', '.join(names())}.")
    return CATALOGUE[name]


def content_of(name: str, digest: str) -> str:
    """What the catalogue knows of a data set's content by its digest; '' if nothing.

    The answer is as `DatasetInfo.content` has it.

    Example:
        >>> from distill_lib.data import content_of
        >>> digest = "06b0d1f124c4e5fa796686ade41a9b778edacc8622f2195a352ef479ad44fc16"
        >>> content_of("mnist", digest)
        'official'
    """
    return CATALOGUE[name].contents.get(digest, "") if name in CATALOGUE else ""
