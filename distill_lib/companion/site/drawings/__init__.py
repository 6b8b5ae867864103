"""Core ideas of the theory, drawn from their formulas whenever the book is built."""

from distill_lib.companion.site.drawings import curves, schemes, spaces, trees


def drawings() -> dict[str, str]:
    """What {{ drawn.plane }} and its like paste into a page: one figure of inline SVG each."""
    makers = (
        spaces.plane,
        spaces.nearest,
        spaces.projector,
        spaces.inside,
        spaces.triangle,
        curves.roots,
        curves.rounding,
        curves.counts,
        schemes.sums,
        schemes.centred,
        schemes.ranks,
        schemes.masks,
        schemes.floors,
        schemes.blocks,
        schemes.release,
        schemes.returned,
        schemes.bands,
        trees.added,
    )
    return {make.__name__: make() for make in makers}
