"""The same classes with other inputs: permutations, rotations, and sequences of data sets."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from holdfast.errors import HoldfastError
from holdfast.named_inputs import need_one_tensor, shape_of
from holdfast.streams.arguments import whole
from holdfast.streams.build import Piece, build
from holdfast.streams.source import Source
from holdfast.streams.task import Augment, Stream
from holdfast.streams.transforms import Permute, Rotate, random_permutation
from holdfast.streams.types import Transform


def permuted(
    source: Source,
    tasks: int,
    scenario: str = "domain",
    *,
    seed: int = 0,
    first_identity: bool = False,
    validation: float = 0.0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """Make tasks that are the whole data set, each with its own permutation of the input values.

    Args:
        source: The data set.
        tasks: The number of tasks.
        scenario: "domain" or "task". The class scenario is refused, because no task adds a class.
        seed: The seed of the permutations and of the validation draw.
        first_identity: Whether the first task has the inputs as they are.
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        augment: A random change of whole batches in training. None: no change.
        task_order: The numbers of the tasks to learn, in order. None: all of them as they come.

    Raises:
        HoldfastError: An argument is out of range, or the scenario is "class".

    Example:
        >>> from holdfast.streams import digits
        >>> [t.name for t in permuted(digits(), 2)]
        ['permutation 0', 'permutation 1']
    """
    whole("tasks", tasks, 1)
    # A permutation moves every value of an input, across rows, columns and channels.
    size = int(np.prod(need_one_tensor(source.train_x, "permuted").shape[1:]))
    permutations = [random_permutation(seed, number, size) for number in range(tasks)]
    transforms: list[Transform | None] = [Permute(values) for values in permutations]
    if first_identity:
        # The other permutations stay what they would be without this option.
        transforms[0] = None
    return build(
        _copies(source, [f"permutation {k}" for k in range(tasks)], transforms, scenario),
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=f"permuted-{source.name}",
        task_order=task_order,
    )


def rotated(
    source: Source,
    tasks: int,
    scenario: str = "domain",
    *,
    seed: int = 0,
    degrees: Sequence[float] | None = None,
    validation: float = 0.0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
) -> Stream:
    """Make tasks that are the whole data set, each rotated by its own angle.

    Args:
        source: A data set of images, (N, H, W) or (N, C, H, W).
        tasks: The number of tasks.
        scenario: "domain" or "task". The class scenario is refused, because no task adds a class.
        seed: The seed of the angles and of the validation draw.
        degrees: The angle of each task in degrees. None: drawn uniformly from [0°, 180°).
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        augment: A random change of whole batches in training. None: no change.
        task_order: The numbers of the tasks to learn, in order. None: all of them as they come.

    Raises:
        HoldfastError: The inputs are not images, there is not one angle per task, or the scenario
            is "class".

    Example:
        >>> from holdfast.streams import digits
        >>> [t.name for t in rotated(digits(), 2, degrees=[0, 45])]
        ['0: 0.0 degrees', '1: 45.0 degrees']
    """
    angles = _angles(source, tasks, degrees, seed)
    names = [f"{number}: {angle:.1f} degrees" for number, angle in enumerate(angles)]
    return build(
        _copies(source, names, [Rotate(angle) for angle in angles], scenario),
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=f"rotated-{source.name}",
        task_order=task_order,
    )


def _angles(source: Source, tasks: int, degrees: Sequence[float] | None, seed: int) -> list[float]:
    """The angle of each task in degrees: those that are given, else random ones."""
    images = need_one_tensor(source.train_x, "rotated")
    if images.dim() < 3:
        raise HoldfastError(
            "rotation needs images (N, H, W) or (N, C, H, W), got inputs of shape "
            f"{tuple(images.shape)}"
        )
    whole("tasks", tasks, 1)
    if degrees is None:
        generator = np.random.default_rng(whole("seed", seed))
        return [float(angle) for angle in generator.uniform(0, 180, tasks)]
    if len(degrees) != tasks:
        raise HoldfastError(f"degrees: expected {tasks} angles, one per task, got {len(degrees)}")
    return list(degrees)


def _copies(
    source: Source,
    names: Sequence[str],
    transforms: Sequence[Transform | None],
    scenario: str,
) -> list[Piece]:
    """The whole data set as several tasks, each with its own transform of the inputs."""
    if scenario == "class":
        raise HoldfastError(
            "permuted and rotated tasks share the same classes, so in the class scenario the later "
            "tasks would bring no new classes; use scenario='domain' or 'task'"
        )
    labels = tuple(source.labels)
    return [
        Piece(name, source, labels, transform)
        for name, transform in zip(names, transforms, strict=True)
    ]


def sequence(
    sources: Sequence[Source],
    scenario: str,
    *,
    transforms: Sequence[Transform | None] = (),
    names: Sequence[str] = (),
    validation: float = 0.0,
    seed: int = 0,
    augment: Augment | None = None,
    task_order: Sequence[int] | None = None,
    numbering: str = "label",
) -> Stream:
    """Make a task of each of several data sets.

    Args:
        sources: The data sets in order, with inputs of one shape.
        scenario: "task", "domain" or "class". In the class scenario equal labels of different
            data sets are different classes.
        transforms: A fixed change of the inputs of each data set, or None for no change.
        names: The names of the tasks. Default: those of the data sets.
        validation: The share of each class's training examples to set aside, in [0, 1). 0: none.
        seed: The seed of the validation draw.
        augment: A random change of whole batches in training. None: no change.
        task_order: The numbers of the tasks to learn, in order. None: all of them as they come.
        numbering: How the domain scenario numbers outputs. "label": a label has one output in all
            tasks. "position": label number k of each data set is output k.

    Raises:
        HoldfastError: Inputs have different shapes, or a list hasn't one entry per data set.

    Example:
        >>> from holdfast.streams import digits
        >>> sequence([digits(), digits()], "class", names=["first", "second"]).outputs
        20
    """
    # Without names, each task is called like its data set.
    titles = list(names) or [source.name for source in sources]
    return build(
        _sequence_pieces(sources, titles, transforms, scenario),
        scenario,
        validation=validation,
        seed=seed,
        augment=augment,
        name=" then ".join(titles),
        task_order=task_order,
        numbering=numbering,
    )


def _sequence_pieces(
    sources: Sequence[Source],
    titles: Sequence[str],
    transforms: Sequence[Transform | None],
    scenario: str,
) -> list[Piece]:
    """A piece for each data set of a sequence."""
    # One network learns all tasks, so it needs inputs of one shape.
    shapes = {shape_of(source.train_x) for source in sources}
    if len(shapes) > 1:
        raise HoldfastError(
            "all data sets of a sequence need inputs of one shape, got the shapes "
            f"{sorted(shapes)}; resize or pad the inputs first"
        )
    if not sources:
        raise HoldfastError("a sequence needs at least one data set, got none")
    if not transforms:
        transforms = [None] * len(sources)
    for what, entries in (("names", titles), ("transforms", transforms)):
        if len(entries) != len(sources):
            raise HoldfastError(
                f"{what} must list one entry per data set: expected {len(sources)}, got "
                f"{len(entries)}"
            )
    pieces = []
    for source, title, transform in zip(sources, titles, transforms, strict=True):
        task_source = source
        if scenario == "class":
            # The digit 3 of one data set is not class 3 of another, so their labels must differ.
            task_source = _with_prefixed_labels(source, title)
        pieces.append(Piece(title, task_source, tuple(task_source.labels), transform))
    return pieces


def _with_prefixed_labels(source: Source, prefix: str) -> Source:
    """The source with labels that no other task shares."""

    def prefixed(labels: np.ndarray) -> np.ndarray:
        return np.array([f"{prefix}:{label}" for label in labels.tolist()], dtype=object)

    return replace(
        source,
        train_y=prefixed(source.train_y),
        test_y=prefixed(source.test_y),
        # The groups are known by the old labels.
        label_groups=None,
    )
