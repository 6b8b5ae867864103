"""Starting the process in which a notebook is executed."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from distill_lib.companion.root import builds
from distill_lib.companion.run.notebook import source_path
from distill_lib.companion.run.plan import Job, Plan


def begin(
    plan: Plan, job: Job, work: Path, log: Any, settings: dict[str, str]
) -> "subprocess.Popen[str]":
    """The worker of a notebook, in a session of its own.

    Ctrl-C reaches the runner alone, which then closes the pipe.
    """
    environment = {key: value for key, value in os.environ.items() if key != "MPLBACKEND"}
    environment |= {
        "DISTILL_RESULTS": str(work),
        "DISTILL_FINGERPRINT": job.fingerprint,
        "DISTILL_PARAMETERS": json.dumps(job.parameters),
        **settings,
        "PYTHONUTF8": "1",  # whatever the locale
        # Most compiled functions are the same in many notebooks.
        "JAX_COMPILATION_CACHE_DIR": str(builds(plan.root) / "cache" / "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "0",
        # this environment's kernel, not one that the user has installed elsewhere
        "JUPYTER_PREFER_ENV_PATH": "1",
        # a warning about frozen modules in every kernel's log
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
    worker = subprocess.Popen(
        [sys.executable, "-m", "distill_lib.companion.run.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env=environment,
        cwd=plan.root,
        start_new_session=True,
    )
    paths = {
        "source": source_path(plan.root, job.name),
        "root": plan.root,
        "work": work,
    }
    # As the worker, which is in UTF-8, decodes them.
    task: dict[str, Any] = {
        key: os.fsencode(path).decode("utf-8", "surrogateescape") for key, path in paths.items()
    }
    task |= {"parameters": job.parameters}
    assert worker.stdin is not None
    worker.stdin.write(json.dumps(task) + "\n")
    worker.stdin.flush()
    return worker
