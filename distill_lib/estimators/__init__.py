"""Ridge regression as estimators of scikit-learn, which distil themselves."""

try:
    import sklearn  # noqa: F401
except ImportError as error:
    raise ImportError(
        "distill_lib.estimators are scikit-learn's; install it with pip install scikit-learn. The "
        "rest of the package does without."
    ) from error

from distill_lib.estimators.classifier import DistilledRidgeClassifier as DistilledRidgeClassifier
from distill_lib.estimators.regressor import DistilledRidge as DistilledRidge
