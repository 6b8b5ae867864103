"""From images to network inputs and back."""

from distill_lib.images.normalisation import Normalisation as Normalisation
from distill_lib.images.normalisation import balanced_sample as balanced_sample
from distill_lib.images.normalisation import batches as batches
from distill_lib.images.normalisation import picture_grid as picture_grid
from distill_lib.images.normalisation import save_picture as save_picture
