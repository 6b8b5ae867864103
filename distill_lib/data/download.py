"""Official files from their mirrors, each checked against its SHA-256."""

from pathlib import Path
from urllib.parse import urlsplit

import pooch
from requests import ConnectionError, HTTPError, RequestException, Timeout
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from distill_lib.data.facts import DataError, Entry, File

_CHUNK = 1 << 16


def official_files(entry: Entry, folder: Path, scratch: Path) -> list[Path]:
    """Paths of a data set's official files, verified, in the catalogue's order.

    A file that already lies in `folder` or the entry's own one below (fetched by hand, or by
    another library) is used as it is. The others are downloaded to `scratch`, with an announcement
    and a progress bar on standard error.

    Raises: DataError if a file in `folder` has the wrong checksum, no mirror gives one with the
        right one, or there is no mirror.
    """
    here = folder / entry.folder
    missing = [file for file in entry.files if not (here / file.name).is_file()]
    for file in entry.files:
        if file not in missing and not _verified(here / file.name, file):
            raise DataError(
                f"{here / file.name} is not the official file (its SHA-256 differs); remove it and "
                "run "
                f"`distill data {entry.info.name}` to fetch it again."
            )
    if missing and not entry.mirrors:
        named = ", ".join(file.name for file in missing)
        raise DataError(
            f"{entry.info.title} cannot be downloaded by a program: fetch {named} from "
            f"{entry.home} into {here}, and run `distill data {entry.info.name}`."
        )
    if missing:
        _download(entry, missing, folder, scratch)
    return [(scratch if file in missing else here) / file.name for file in entry.files]


def _download(entry: Entry, missing: list[File], folder: Path, scratch: Path) -> None:
    # Plain text on standard error even in a notebook, and a moving bar only on a terminal.
    """Download the missing files, each from the first mirror that gives the official one."""
    console = Console(
        stderr=True, force_jupyter=False, highlight=False, markup=False, soft_wrap=True
    )
    columns = TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
    name, size = entry.info.name, decimal(sum(file.size for file in missing))
    console.print(
        f"Downloading {entry.info.title} ({size}) from {_host(entry.mirrors[0])}; "
        f"it will be kept as {folder / name}.npz."
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        for file in missing:
            failures = []
            for mirror in entry.mirrors:
                failure = _attempt(mirror, file, scratch / file.name, progress)
                if failure is None:
                    break
                failures.append(f"{_host(mirror)} ({failure})")
            else:
                raise DataError(
                    f"{name} is not in {folder} and could not be downloaded: {file.name} failed at "
                    f"{' and '.join(failures)}; "
                    f"set DISTILL_DATA to a folder that holds {name}.npz or the official files, "
                    f"or run `distill data {name}` with a network."
                )


def _attempt(mirror: str, file: File, target: Path, progress: Progress) -> str | None:
    """Download one file from one mirror; None if it is the official one, else what is wrong."""
    download = pooch.HTTPDownloader(
        progressbar=_Bar(progress, file),
        chunk_size=_CHUNK,
        timeout=30,
        # Some servers take .gz for an encoding of the transfer, and the file would arrive unpacked.
        headers={"Accept-Encoding": "identity"},
    )
    try:
        download(mirror + file.name, str(target), None)
    except TooLong:
        return f"more than its {file.size:,d} bytes"
    except HTTPError as problem:
        return str(problem).partition(" for url")[0]
    except Timeout:
        return "no answer in time"
    except ConnectionError:
        return "no connection"
    except RequestException:
        return "the connection broke off"
    return None if _verified(target, file) else "wrong checksum"


class TooLong(Exception):
    """More bytes than the official file has."""


class _Bar:
    """The part of tqdm's interface that pooch drives, on a rich progress bar."""

    total: int  # set by pooch from the server's word; the catalogue's size is shown instead

    def __init__(self, progress: Progress, file: File) -> None:
        self.progress = progress
        self.task = progress.add_task(file.name, total=file.size)
        self.done, self.size = 0, file.size

    def update(self, count: int) -> None:
        self.done += count
        if self.done > self.size + _CHUNK:  # before a wrong answer fills the disk
            raise TooLong
        self.progress.update(self.task, completed=self.done)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        self.progress.stop_task(self.task)


def _verified(path: Path, file: File) -> bool:
    return pooch.file_hash(str(path), alg="sha256") == file.sha256


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
