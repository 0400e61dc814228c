"""Tasks in order: streams from named data sets, synthetic shifts, and the user's own data."""

from holdfast.streams.augment import crop_and_flip
from holdfast.streams.blurry import blurry
from holdfast.streams.build import Source
from holdfast.streams.domains import mixture, permuted, rotated, sequence
from holdfast.streams.mapped import from_datasets
from holdfast.streams.order import BatchOrder
from holdfast.streams.own import from_arrays, from_frame
from holdfast.streams.sources import digits, named, to_float
from holdfast.streams.split import grouped, split
from holdfast.streams.task import SCENARIOS, Stream, Task

__all__ = [
    "SCENARIOS",
    "BatchOrder",
    "Source",
    "Stream",
    "Task",
    "blurry",
    "crop_and_flip",
    "digits",
    "from_arrays",
    "from_datasets",
    "from_frame",
    "grouped",
    "mixture",
    "named",
    "permuted",
    "rotated",
    "sequence",
    "split",
    "to_float",
]
