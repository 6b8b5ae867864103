"""What the theorems assume of a model and of the number of points, each with its sentence."""

from jaxtyping import Array, Float

from distill_lib.linalg.pseudoinverse import rank


def enough_points(m: int, k: int) -> None:
    """Raise ValueError unless m >= k: training on m points gives weights of rank at most m."""
    if m < k:
        raise ValueError(
            f"m = {m} support points cannot carry a model with k = {k} outputs; Theorem 4.1 needs "
            "m >= k."
        )


def independent_outputs(weights: Float[Array, "k p"], remedy: str) -> None:
    """Raise ValueError unless rank(W) = k; the remedy ends the sentence."""
    if (r := rank(weights)) < len(weights):
        raise ValueError(f"the model W has rank {r} < k = {len(weights)}: {remedy}.")
