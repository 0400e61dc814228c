"""What OGD and GPM share: a projection of the gradient, or of the change of θ."""

from dataclasses import replace

from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.errors import one_of
from holdfast.methods.method import Declaration, Method
from holdfast.methods.view import LearnerView


class Projection(Method):
    """Base of methods that take a part off the vector that moves θ (abstract)."""

    def __init__(self, project: str) -> None:
        """`project`: gradient (the paper), or step, which holds under momentum, Adam and weight decay as well."""
        super().__init__()
        self.project = one_of("project", project, ("gradient", "step"))

    def declare(self) -> Declaration:
        """Either the gradient or the change of θ is projected."""
        other = "update" if self.project == "gradient" else "gradient"
        return replace(super().declare(), unused=(other,))

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """`vector`, θ-shaped, without the part that would change what is held."""
        raise NotImplementedError

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        return self.projected(learner, g)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return self.projected(learner, delta)
