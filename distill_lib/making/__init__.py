"""From data on a disk to a distilled set, and from a set to what it is worth."""

from distill_lib.making.cards import card as card
from distill_lib.making.cards import draw as draw
from distill_lib.making.distilling import make as make
from distill_lib.making.evaluation import evaluate as evaluate
from distill_lib.making.evaluation import fitting as fitting
from distill_lib.making.exchange import export as export
from distill_lib.making.exchange import import_set as import_set
from distill_lib.making.recipe import Recipe as Recipe
from distill_lib.making.rounding import robust_offer as robust_offer
from distill_lib.making.rounding import rounded as rounded
from distill_lib.making.rounding import same_answers as same_answers
from distill_lib.making.sources import Source as Source
from distill_lib.making.sources import open_source as open_source
from distill_lib.sets.distilled_set import DistilledSet as DistilledSet
