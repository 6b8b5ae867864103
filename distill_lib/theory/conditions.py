"""What the theorems assume of a model and of the number of points, checked."""

from jaxtyping import Array, Float

from distill_lib.linalg.pseudoinverse import rank


def enough_points(m: int, k: int) -> None:
    """Raise ValueError unless m >= k: training on m points gives weights of rank at most m.

    Example:
        >>> from distill_lib.theory.conditions import enough_points
        >>> enough_points(m=2, k=3)
        Traceback (most recent call last):
        ValueError: m = 2 support points cannot carry a model with k = 3 outputs; ...
    """
    if m < k:
        raise ValueError(
            f"m = {m} support points cannot carry a model with k = {k} outputs; Theorem 4.1 needs "
            "m >= k."
        )


def independent_outputs(
    weights: Float[Array, "k p"], remedy: str, known: int | None = None
) -> None:
    """Raise ValueError unless rank(W) = k; the remedy ends the sentence.

    The rank may be known already.

    Example:
        >>> from distill_lib.theory.conditions import independent_outputs
        >>> independent_outputs(np.ones((2, 3)), "drop a class")
        Traceback (most recent call last):
        ValueError: the model W has rank 1 < k = 2: drop a class.
    """
    if (r := rank(weights) if known is None else known) < len(weights):
        raise ValueError(f"the model W has rank {r} < k = {len(weights)}: {remedy}.")
