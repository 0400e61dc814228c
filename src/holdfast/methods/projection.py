"""What OGD and GPM share: a projection of the gradient, or of the change of θ."""

from torch import Tensor

from holdfast.engine.batch import Step
from holdfast.errors import one_of
from holdfast.methods.method import Method
from holdfast.methods.view import LearnerView


class Projection(Method):
    """Base of methods that take a part off the vector that moves θ (abstract)."""

    def __init__(self, project: str) -> None:
        """`project`: gradient (the paper), or step, which holds under momentum, Adam and weight decay as well."""
        super().__init__()
        self.project = one_of("project", project, ("gradient", "step"))

    def uses(self, place: str) -> bool:
        """As for every method; gradient or change of θ, whichever is projected."""
        return (
            super().uses(place)
            and place != {"gradient": "update", "step": "gradient"}[self.project]
        )

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """`vector`, θ-shaped, without the part that would change what is held."""
        raise NotImplementedError

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        return self.projected(learner, g)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return self.projected(learner, delta)
