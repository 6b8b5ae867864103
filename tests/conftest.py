"""Hypothesis profiles: the same examples on every run, unless HYPOTHESIS_PROFILE asks for a random search."""

import os

from hypothesis import Phase, settings

settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
# For tests/mutation.py: a first failure is all it asks.
settings.register_profile("mutants", settings.get_profile("fixed"), phases=(Phase.explicit, Phase.generate))
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
