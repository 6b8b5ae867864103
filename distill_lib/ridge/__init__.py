"""Ridge regression: statistics, every lam at once, and which lam is chosen."""

from distill_lib.ridge.model import GRID as GRID
from distill_lib.ridge.model import RidgeModel as RidgeModel
from distill_lib.ridge.model import fit as fit
from distill_lib.ridge.path import RidgePath as RidgePath
from distill_lib.ridge.selection import split as split
from distill_lib.ridge.statistics import RidgeStats as RidgeStats
from distill_lib.ridge.updating import by_parts as by_parts
from distill_lib.ridge.updating import fit_statistics as fit_statistics
from distill_lib.ridge.updating import generalised as generalised
from distill_lib.ridge.updating import least_accuracy as least_accuracy
