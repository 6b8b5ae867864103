"""scikit-learn's own checks of an estimator, and the package without scikit-learn.

Each in a process of its own.
"""

import os
import subprocess
import sys

CHECKED = """
import sys, warnings
warnings.simplefilter("ignore")
from sklearn.utils.estimator_checks import check_estimator
from distill_lib import estimators
for name, options in eval(sys.argv[1]):
    found = check_estimator(getattr(estimators, name)(**options), on_fail=None)
    bad = [(one["check_name"], one["status"], one["exception"]) for one in found
           if one["status"] != "passed"]
    print(name, options, len(found), bad)
    if bad or len(found) < 50:
        sys.exit(1)
"""


MODELS = (
    ("DistilledRidgeClassifier", {}),
    ("DistilledRidgeClassifier", {"start": "noise", "n_points": 12}),
    ("DistilledRidge", {}),
    ("DistilledRidge", {"fit_intercept": False}),
)


def test_every_check_of_scikit_learn_passes_and_none_is_skipped():
    """The check of other array libraries asks for a setting from the start."""
    done = subprocess.run(
        [sys.executable, "-c", CHECKED, repr(MODELS)],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_package_does_without_scikit_learn_and_the_room_says_what_is_missing():
    script = (
        "import sys; sys.modules['sklearn'] = None; import distill_lib as dl, numpy as np; "
        "print(dl.affine_model(np.eye(2), np.eye(2)).intercept.shape); "
        "import distill_lib.estimators"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["(2,)"]
    assert "pip install scikit-learn" in done.stderr
