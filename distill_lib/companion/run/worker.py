"""Executes one notebook in its own process, job in, events out.

`python -m distill_lib.companion.run.worker`. The job is the first line of stdin (JSON); events are
lines of stdout: {"cell": i}, {"failed": {...}}, {"stopped": true}, {"done": true} with the bytes of
"memory". The runner holds stdin open; once it closes, however the runner ended, the kernel and this
process end.
"""

import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, TextIO

from distill_lib.companion.errors import DISK_FULL, OUT_OF_MEMORY, explained
from distill_lib.companion.files import write_text
from distill_lib.companion.numbers.results import Stopped
from distill_lib.companion.run.notebook import KERNEL, code_cell_number, convert, tidy


def main() -> None:
    """Read the job, execute it, report."""
    # Ignored where the runner was started by nohup.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    events = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to the log, not between the events
    job = json.loads(sys.stdin.readline())
    scratch = Path(job["work"]) / "scratch"
    scratch.mkdir(parents=True)
    # Connection files, and sockets, whose paths must be short; read when papermill is imported.
    runtime = Path(tempfile.mkdtemp(prefix="distill-"))
    os.environ["JUPYTER_RUNTIME_DIR"] = str(runtime)
    threading.Thread(target=_end_with_runner, args=(scratch, runtime), daemon=True).start()
    try:
        _execute(job, scratch / "notebook.ipynb", events)
    finally:
        _remove(scratch, runtime)


def _execute(job: dict[str, Any], output: Path, events: TextIO) -> None:
    import nbformat
    import papermill
    from papermill.exceptions import PapermillExecutionError
    from papermill.execute import remove_error_markers

    root, work = Path(job["root"]), Path(job["work"])
    notebook = convert(Path(job["source"]))
    at: dict[str, Any] = {"cell_index": 0, "cell": None}

    try:
        executed = papermill.execute_notebook(
            notebook,
            str(output),
            parameters=job["parameters"],
            kernel_name=KERNEL,
            cwd=str(root),
            progress_bar=False,
            start_timeout=300,
            coalesce_streams=True,
            config=_transport(),
            on_cell_start=lambda **event: at.update(event),
            on_cell_complete=lambda **event: _send(events, cell=event["cell_index"]),
        )
    except Exception as error:
        try:
            partial = remove_error_markers(nbformat.read(output, as_version=4))
        except (OSError, ValueError):  # not begun, or not written to its end
            partial = notebook
        if isinstance(error, PapermillExecutionError) and error.ename == Stopped.__name__:
            _send(events, stopped=True)
            return
        if isinstance(error, PapermillExecutionError):
            full = DISK_FULL if f"[Errno {errno.ENOSPC}]" in error.evalue else ""
            index, reason = error.cell_index, f"{error.ename}: {error.evalue}{full}"
        else:
            index, reason = at["cell_index"], _reason(error)
        source = at["cell"].source if at["cell"] is not None else ""
        number = code_cell_number(partial, index) if at["cell"] is not None else None
        write_text(work / "partial.ipynb", nbformat.writes(tidy(partial, root)))
        _send(events, failed={"cell": number, "source": source, "error": reason})
    else:
        write_text(work / "executed.ipynb", nbformat.writes(tidy(executed, root)) + "\n")
        _send(events, done=True, memory=_peak_memory())


def _transport() -> Any:
    """Sockets where there are any: kernels that start at once can take a port twice."""
    from traitlets.config import Config

    path = str(Path(os.environ["JUPYTER_RUNTIME_DIR"]) / "kernel")
    return (
        Config()
        if os.name == "nt"
        else Config(ConnectionFileMixin={"transport": "ipc", "ip": path})
    )


def _reason(error: Exception) -> str:
    """What ended an execution that is no error of a cell."""
    name = type(error).__name__
    if isinstance(error, OSError):
        return f"{name}: {explained(error)}"
    return f"{name}: {error}" + (OUT_OF_MEMORY if name == "DeadKernelError" else "")


def _remove(*folders: Path) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def _send(events: TextIO, **event: Any) -> None:
    events.write(json.dumps(event) + "\n")


def _peak_memory() -> int | None:
    """Bytes that this process and the largest under it (the kernel) held; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peaks = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    return sum(peaks) * (1 if sys.platform == "darwin" else 1024)


def _end_with_runner(*folders: Path) -> None:
    import psutil

    while os.read(0, 1):  # ends once the runner's end of the pipe is closed
        pass
    for process in psutil.Process().children(recursive=True):
        process.kill()
    _remove(*folders)
    os._exit(1)


if __name__ == "__main__":
    main()
