"""From images to network inputs and back."""

from distill_lib.images.generated import generated_normalisation as generated_normalisation
from distill_lib.images.generated import generated_partitions as generated_partitions
from distill_lib.images.normalisation import Normalisation as Normalisation
from distill_lib.images.partitions import Partitions as Partitions
from distill_lib.images.pictures import picture_grid as picture_grid
from distill_lib.images.pictures import save_picture as save_picture
from distill_lib.images.quantisation import quantise as quantise
from distill_lib.images.quantisation import restore as restore
from distill_lib.images.readers import folder_stream as folder_stream
from distill_lib.images.readers import parquet_stream as parquet_stream
from distill_lib.images.sampling import balanced_points as balanced_points
from distill_lib.images.sampling import balanced_sample as balanced_sample
from distill_lib.images.streams import Stream as Stream
from distill_lib.images.whitening import Preprocessing as Preprocessing
from distill_lib.images.whitening import Whitening as Whitening
