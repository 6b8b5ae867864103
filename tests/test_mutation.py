"""The mutants of mutation.py, which is not run with the tests, still fit the library."""

import pytest
from mutation import MUTANTS, ROOT


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_changes_a_text_of_the_library(mutant):
    assert (ROOT / "distill_lib" / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.new != mutant.old
    assert (ROOT / mutant.path).is_file()


def test_mutants_have_names_of_their_own():
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
