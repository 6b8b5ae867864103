"""Distilled points that look like the data: Corollary 4.1.1."""

from jaxtyping import Array, Float

from distill_lib.boundary.door import door
from distill_lib.linalg.pseudoinverse import regularised_pinv
from distill_lib.theory.closed_form import recovery_matrix


@door()
def realistic_matrix(
    weights: Float[Array, "k p"],
    labels: Float[Array, "m k"],
    real: Float[Array, "m p"],
    reg_s: float = 0.0,
) -> Float[Array, "m p"]:
    """The D of Theorem 4.1 that is nearest to real data (Corollary 4.1.1).

    Nearest to phi_{lam_S}(Xh)^+ of the real samples Xh, in the Frobenius norm.

    Args:
        weights, labels: as `recovery_matrix`.
        real: (m, p) features of real samples.
        reg_s: lam_S.
    Raises: ValueError as `recovery_matrix`.

    Example:
        >>> d = dl.realistic_matrix(np.eye(2, 4), np.eye(3, 2), real=2 * np.eye(3, 4))
        >>> np.allclose(d, np.diag([1, 1, 1 / 2]) @ np.eye(3, 4))  # what W leaves free is of Xh
        True
    """
    return recovery_matrix(weights, labels, regularised_pinv(real, reg_s))
