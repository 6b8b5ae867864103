"""Tables of what is refused, one row a kind: how it is made wrong, and the words of its sentence."""

import pytest


def each(table):
    """The test reads every row as `wrong` and `words`, under the name of its kind."""
    return pytest.mark.parametrize(("wrong", "words"), table.values(), ids=table)
