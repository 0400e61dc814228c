"""What a run costs: seconds, parameters and bytes."""

from holdfast.results.parts import Amount, Name, Part


class Seconds(Part):
    """The seconds that a run spent, by what it did.

    Args:
        training: Steps of the optimizer.
        consolidation: Work of the method between tasks, such as the estimate of importances.
        evaluation: Scoring on test and validation examples.
    """

    training: Amount
    consolidation: Amount
    # Files of early versions did not measure it.
    evaluation: Amount = 0.0

    @property
    def learning(self) -> float:
        """Seconds without evaluation, which is the same work for every method."""
        return self.training + self.consolidation

    @property
    def total(self) -> float:
        """All seconds of the run, evaluation included."""
        return self.training + self.consolidation + self.evaluation


class TaskCost(Part):
    """The cost from the start of a run to the end of one task.

    Args:
        training: Seconds of training.
        consolidation: Seconds of the method's work between tasks.
        evaluation: Seconds of scoring.
        steps: Steps of the optimizer in this task alone.
        parameters: Weights of the network at the end of the task.
        method_bytes: Bytes that the method keeps, such as examples and importances.
        peak_bytes: Peak memory of the process, or of the GPU if one was used.
    """

    training: Amount
    consolidation: Amount
    evaluation: Amount = 0.0
    steps: Amount = 0  # not in files of early versions
    parameters: Amount
    method_bytes: Amount
    peak_bytes: Amount

    @property
    def learning(self) -> float:
        """Seconds so far without evaluation."""
        return self.training + self.consolidation


class RunCost(Part):
    """What a run cost in all.

    Args:
        seconds: The seconds by what they were spent on.
        parameters: Weights of the network at the end, frozen ones included.
        method_bytes: Bytes that the method keeps at the end.
        optimizer_bytes: Bytes that the optimizers keep at the end.
        peak_bytes: Peak memory of the process, or of the GPU if one was used.
        by_task: The cost at the end of each task. Empty in files of early versions.
    """

    seconds: Seconds
    parameters: Amount
    method_bytes: Amount
    # The three that follow are missing in files of early versions.
    optimizer_bytes: Amount = 0
    peak_bytes: Amount = 0
    by_task: list[TaskCost] = []


class DeclaredGrowth(Part):
    """How a method says that its cost grows with the number of tasks.

    Each is "none", "constant", "linear" or "quadratic".

    Args:
        memory: Growth of the bytes that the method keeps.
        parameters: Growth of the network.
        time: Growth of the time per task.
    """

    # Names and not literals: a later version may declare another kind of growth.
    memory: Name
    parameters: Name
    time: Name
