"""EMA: answering by a moving average of the weights (Soutif-Cormerais et al. 2023).

    each step: θ̄ ← θ̄ + (1 − d) / (1 − dⁿ) · (θ − θ̄)

Here θ are the weights after the step, θ̄ is their average, d is the decay and n counts the steps.
Predictions use θ̄ ("Improving online continual learning performance and stability with temporal
ensembles"; Polyak & Juditsky 1992 for a single task). The average forgets later than θ and moves
less from step to step.

- The paper starts θ̄ at the first weights, which then have the share dⁿ. With random first weights
  and few steps this share is large. The divisor 1 − dⁿ takes it out, as in Adam, so θ̄ is an
  average of trained weights alone. After n ≫ 1 / (1 − d) steps the two agree.
- Training does not notice the average, and the average runs on over tasks, as in the paper.
  `start="average"` is for whoever needs the average as the weights of the network, for example to
  export it: the network gets θ̄ when a task ends, and the next task starts from there.
- Statistics of BatchNorm are averaged like weights, and counters are copied. Rows of the head that
  come with a task start at their first values.

A step costs one pass, and one operation on a vector as long as θ.
"""

from dataclasses import replace

import torch
from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.engine.running_average import RunningAverage
from holdfast.errors import HoldfastError, one_of
from holdfast.methods.arguments import is_number
from holdfast.methods.method import Declaration, Method
from holdfast.methods.view import LearnerView
from holdfast.named_inputs import Inputs
from holdfast.streams.task import Task


class EMA(Method):
    """Answers by an average of the weights of the last steps. Add it to any other method."""

    declaration = Declaration(
        family="weight averaging",
        paper="Soutif-Cormerais et al. 2023",
        summary="answers by a moving average of the weights; training does not notice it",
        boundaries=False,
        own_weights=True,
        neutral=(("decay", 0.0),),
        keeps="one copy of the network",
        small=(
            "EMA(0.9)",
            "EMA(0.9, start='average')",
        ),
        typical="EMA(0.99)",
    )

    def __init__(self, decay: float, start: str = "trained") -> None:
        """Set up the average.

        Args:
            decay: d in [0, 1), what a step leaves of the average. About 1 / (1 − d) steps count.
                0: the average is the last weights.
            start: Where the next task starts: from the `trained` weights, as without the average,
                or from the `average`, which the network then has as its weights between tasks.

        Raises:
            HoldfastError: An argument is outside its range.

        Example:
            >>> EMA(0.99)
            EMA(0.99)
        """
        super().__init__()
        if not is_number(decay) or not 0 <= decay < 1:
            raise HoldfastError(
                f"decay is what a step leaves of the average, in [0, 1), got {decay!r}; 0.99 "
                "averages about 100 steps"
            )
        self.decay = decay
        self.start = one_of("start", start, ("trained", "average"))
        self.host["steps"] = 0
        self.average = RunningAverage()

    def declare(self) -> Declaration:
        """Declare that the weights are edited at boundaries, if the average becomes the weights."""
        declared = super().declare()
        if self.start == "trained":
            return declared
        return replace(declared, edits_weights=True, own_weights=False, boundaries=True)

    def begin(self, learner: LearnerView, task: Task) -> Task:
        if self.start == "average":
            # It starts anew from what the network has, which other parts may have edited.
            self.average.forget()
            self.host["steps"] = 0
        # The head has grown, and evaluations may come before the first step.
        self.average.follow(learner.model, learner.space, learner.head.opened)
        return task

    def after(self, learner: LearnerView, step: Step) -> None:
        if not step.number:
            # Other parts may have added parameters in `begin`, or frozen some.
            self.average.follow(learner.model, learner.space, learner.head.opened)
        self.host["steps"] += 1
        share = (1 - self.decay) / (1 - self.decay ** self.host["steps"])
        self.average.add(learner.model, learner.space, share)

    def predict(self, learner: LearnerView, x: Inputs, task: int | None) -> Tensor:
        # Between tasks, `start="average"` has made the average the weights of the network.
        is_network = self.start == "average" and not learner.active
        if is_network or not self.average.taken:
            logits: Tensor = learner.model(x, task)
            return logits
        logits = self.average(learner.model, x, task)
        return logits

    @torch.no_grad()
    def consolidate(self, learner: LearnerView, task: Task) -> None:
        if self.start == "average":
            self.average.put_into(learner.model)
