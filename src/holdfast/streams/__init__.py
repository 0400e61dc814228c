"""Streams: tasks in the order in which they are learned, from named data sets or your own data."""

# Where new code belongs:
#
# types           the types of what users bring
# arguments       checks of single arguments that several functions share
# inputs          what inputs may be, and what they become
# labels          what labels may be, and how they are checked
# columns         columns beside inputs and labels: tasks, groups, test masks
# outputs         which output of the network stands for which label
# untrained       the refusal of test labels that nothing is trained on
# held_out        which examples are held out for test and validation
# source          a labelled data set with a training and a test part
# sources         data sets by name
# decoding        tables of images or texts in the hub's layout, as arrays
# cache           decoded arrays on disk
# text            texts as vectors
# tokens          texts as tokens for a transformer
# language        prompts and completions as tasks of a causal language model
# tokenizers      tokenizers of transformers: where they are, and what they make of texts
# text_rows       rows of a user's data set whose texts are tokens
# file_digests    digests of files
# parts           examples that are read by number: in memory, joined, subsets
# dataset_rows    rows of a user's data set as (input, label) pairs
# dataset_part    examples that are read row by row through a DataLoader
# task            tasks and streams
# build           from data sets to a stream: what all makers of streams share
# split           tasks by class, or by groups of classes
# transforms      fixed changes of the inputs
# domains         tasks of the same classes with other inputs, and sequences of data sets
# mixture         tasks of different kinds, described by texts
# arrays          your own arrays
# frames          your own data frames
# mapped          your own map-style data sets
# computed        features of a frozen network in the place of inputs
# blurry          blurry task boundaries
# drift           detectors of unannounced task boundaries
# own_data        your own folders of images and table files
# augment         random changes of batches in training
# order           the order of batches

from holdfast.streams.arrays import from_arrays
from holdfast.streams.augment import crop_and_flip
from holdfast.streams.blurry import blurry
from holdfast.streams.computed import with_features
from holdfast.streams.domains import permuted, rotated, sequence
from holdfast.streams.frames import from_frame
from holdfast.streams.inputs import to_float
from holdfast.streams.language import Texts, from_prompts
from holdfast.streams.mapped import from_datasets
from holdfast.streams.mixture import mixture
from holdfast.streams.order import BatchOrder
from holdfast.streams.own_data.from_files import from_folder, from_table
from holdfast.streams.source import Source
from holdfast.streams.sources import digits, named
from holdfast.streams.split import grouped, split
from holdfast.streams.task import SCENARIOS, Stream, Task
from holdfast.streams.tokens import tokenize

__all__ = [
    "SCENARIOS",
    "BatchOrder",
    "Source",
    "Stream",
    "Task",
    "Texts",
    "blurry",
    "crop_and_flip",
    "digits",
    "from_arrays",
    "from_datasets",
    "from_folder",
    "from_frame",
    "from_prompts",
    "from_table",
    "grouped",
    "mixture",
    "named",
    "permuted",
    "rotated",
    "sequence",
    "split",
    "to_float",
    "tokenize",
    "with_features",
]
