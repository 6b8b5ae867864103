"""Which rule every recorded number is judged by."""

import re

from distill_lib.companion.errors import CompanionError
from distill_lib.companion.judge.kinds import (
    CHANGES,
    CLOCK,
    CONDITION,
    COUNT,
    DESCENT,
    EDGE,
    ENTRIES,
    ERROR,
    IMAGES,
    LADDER,
    PASSES,
    PLANNED,
    RANKING,
    SINGLE,
    SINGLE_CHANGES,
    SINGLE_IMAGES,
    SINGLE_SMOOTH,
    SMOOTH,
    SQUARE,
    Rule,
)
from distill_lib.companion.judge.recorded import Number

LEARNT = r"(?i:kip|rfad)"
# page, pattern in the number's name, rule: the first that fits counts. SMOOTH is exact for counts
# below 1e6.
RULES: tuple[tuple[str, str, Rule], ...] = (
    # Columns of rows.
    (
        ".*",
        r": (seeds|share|steps|points|batch|width|rate|trials|test_images|claimed|m|n|p|epsilon)$",
        COUNT,
    ),
    (
        ".*",
        r"/(seconds|seconds a step|time ratio|speedup|step ratio|step|peak memory|cost "
        r"exponent)(:|$)",
        CLOCK,
    ),
    ("probes", r"/(accuracy|(logistic )?agreement)$|^= .*_(accuracy|agreement)$", DESCENT),
    (".*", r": (recovery_error|image_again|answers|predicted)$", ERROR),
    (".*", r": (distance|least_norm|delta|false_positives|false_negatives)$", SMOOTH),
    (".*", r": (accuracy|same_predictions)$", IMAGES),
    # Measurements, and their spread over seeds.
    ("past_one_machine", r"/share .*/(relative error|bound)$|/residual$", EDGE),
    ("past_one_machine", r"/(passes|forecast)$", PASSES),
    ("past_one_machine", r"/rows alive$", COUNT),
    (".*", r"/finite ConvNet/.*/accuracy(: spread)?$", DESCENT),
    ("kip", LEARNT + r".*/accuracy(: spread)?$", DESCENT),
    (
        "rfad|table_4|interpretability|comparison",
        LEARNT + r".*/accuracy(: spread)?$",
        SINGLE_IMAGES,
    ),
    ("corruption_attacks", r"/fc\d/.*/accuracy$", SINGLE_IMAGES),
    ("fcnn_column", r"/(single|10 bits).*/accuracy(: spread)?$", SINGLE_IMAGES),
    (".*", r"/accuracy( of linear reading)?(: spread)?$", IMAGES),
    (".*", r"/1 - cosine$", SQUARE),
    ("table_3", r"/float32/", SINGLE),
    (".*", r"/(recovery error.*|relative error|removal formula|sum against score)$", ERROR),
    (
        ".*",
        r"/(distance to real|least relative error|epsilon, lower bound|correlation with .*)$",
        SMOOTH,
    ),
    (".*", r"/(points|models carried, .*|rank of the start's features)$", COUNT),
    ("convolution", r"/condition(: spread)?$", CONDITION),
    (".*", r"/(memory|memory exponent)$", PLANNED),
    ("rfad", r"/error exponent$", SINGLE_SMOOTH),
    ("corruption_attacks", r"/ratio of residuals$", EDGE),
    ("corruption_attacks", r"/(rank|area under ROC)$", RANKING),
    ("corruption_attacks", r"/correlation$", SINGLE_SMOOTH),
    ("interpretability", LEARNT + r"/answers changed$", SINGLE_CHANGES),
    ("interpretability", LEARNT + r"/cancellation$", SINGLE_SMOOTH),
    ("interpretability", r"/answers changed$", IMAGES),
    ("interpretability", r"/points for 90 %$", RANKING),
    ("interpretability", r"/cancellation$", SMOOTH),
    # Numbers of the prose.
    ("ridge_path", r"^= .*(ratio|ratio_again|seconds)$", CLOCK),
    ("theorem_6_1", r"^= cost_ratio$", CLOCK),
    ("theorem_6_1", r"^= (useless|kept|kept_samples)$", LADDER),
    ("theorem_6_1", r"^= run_end_\d$", SINGLE_SMOOTH),
    ("table_4", r"^= .*(per_step|per_step_least|per_step_most|steps_by_then)$", CLOCK),
    ("kip", r"^= exponent$", CLOCK),
    ("rfad", r"^= (cost_(exact|rfad|narrow_step)|ratio_.*)$", CLOCK),
    ("rfad", r"^= memory_.*$", PLANNED),
    ("rfad", r"^= slope_.*$", SINGLE_SMOOTH),
    ("kip|rfad", r"^= (gain.*|solve_gain|subset_spread)$", SINGLE_CHANGES),
    ("table_4", r"^= .*_(exact|spread|gap)$", SINGLE_CHANGES),
    ("comparison", r"^= (.*_in_.*|.*_kernel|.*_reading|fcnn_best_away)$", IMAGES),
    ("comparison", r"^= (images|noise)_(least|most)$", CHANGES),
    ("corollary_4_1_1", r"^= off_the_tail$", ERROR),
    ("corruption_attacks", r"^= (none|most|most_real)$", SINGLE_IMAGES),
    ("corruption", r"^= .*_accuracy$", IMAGES),
    ("corruption_attacks", r"^= least_(span|labels)$", EDGE),
    ("corruption_attacks", r"^= (answers|start)_(least|most|error)$|^= rank_(none|most)$", RANKING),
    ("corruption_attacks", r"^= (likeness|traced)_.*$", SINGLE_SMOOTH),
    ("fcnn_column", r"^= .*_(single_.*|10_bits_eigenvalues|released)$", SINGLE_CHANGES),
    ("fcnn_column", r"^= .*_(seeds|runs|share|reach|printed)$|^= threshold_3072$", SMOOTH),
    ("fcnn_column", r"^= ", CHANGES),
    ("interpretability", r"^= (KIP|RFAD)_(points|changed)$|_points$", RANKING),
    (
        "interpretability",
        r"^= (KIP|RFAD)_|^= (same_class_for|other_class_for|smallest_pair)$",
        SINGLE_SMOOTH,
    ),
    ("interpretability", r"^= .*_changed$", IMAGES),
    ("interpretability", r"^= weight_(error|diagonal)$", SMOOTH),
    ("interpretability", r"^= gathered_difference$", ERROR),
    ("intercept", r"^= .*_original$", IMAGES),
    ("intercept", r"^= (other_answers|.*_images|.*_per_class|tests)$", COUNT),
    ("intercept", r"^= moved_.*_shares$", ERROR),
    ("kip", r"^= recursion$", ERROR),
    ("past_one_machine", r"^= .*_peak$|^= growing_bytes_exponent$", CLOCK),
    ("past_one_machine", r"^= (passes|passes_forecast|solved_most|solved_least)$", PASSES),
    ("past_one_machine", r"^= (solved_.*|residual)$", EDGE),
    ("past_one_machine", r"^= .*_error$", ERROR),
    ("past_one_machine", r"^= ", COUNT),
    ("privacy", r"^= figure_3_original$", IMAGES),
    ("private_release", r"^= output_gap$", CHANGES),
    ("corruption|private_release", r"^= black$", COUNT),
    ("convolution", r"^= .*_side$", COUNT),
    ("private_release", r"^= (.*accuracy|pixels_.*|network_.*)$", IMAGES),
    ("probes", r"^= .*_rank$", EDGE),
    ("probes", r"^= negative$", ENTRIES),
    ("probes", r"^= (other_answers|.*ratio|.*_bytes|.*_rows)$", COUNT),
    ("probes", r"^= (embeddings|features|classes|asked)$", COUNT),
    ("quantisation", r"^= .*(accuracy_(kept|solved)|_change|original)$", IMAGES),
    ("table_1", r"^= every_worst$", ERROR),
    ("table_3", r"^= .*_original$", IMAGES),
    ("table_3", r"^= .*_change$", CHANGES),
    ("theorem_4_1", r"^= .*_(original|distilled)$", IMAGES),
    ("theorem_4_2", r"^= .*_(accuracy|original)$", IMAGES),
    (".*", r"^= (seeds|points|ipc|steps|draws|images|tests|batch|inputs|d|k)$", COUNT),
    (".*", r"^= .*float32$", SINGLE),
    (".*", r"^= .*_error(_float64)?$|_float64$|^= reconstruction_error$|^= label_error$", ERROR),
    (".*", r"^= .*condition$", CONDITION),
    (
        "comparison|corollary_4_1_1|corruption|corruption_attacks|intercept|interpretability|kip|privacy|private_release|proposition_4_1|quantisation",
        r"^= ",
        SMOOTH,
    ),
    ("rfad|ridge|ridge_path|table_[134]|theorem_(4_1|4_2|5_1|5_3|6_1|c)", r"^= ", SMOOTH),
)


def rule_of(number: Number) -> Rule:
    """The first rule of `RULES` whose patterns name the number.

    Raises: CompanionError if there is none: a number that nobody can judge must not be recorded.
    """
    for page, name, rule in RULES:
        if re.fullmatch(page, number.page) and re.search(name, number.name):
            return rule
    raise CompanionError(
        f"no tolerance for '{number.name}' of {number.page}: name its kind in "
        "distill_lib/companion/judge/tolerances.py"
    )
