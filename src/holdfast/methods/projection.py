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
        """Choose the vector.

        Args:
            project: `gradient` projects the gradient, as the papers do. `step` projects the change
                of θ, so that the guarantee holds under momentum, Adam and weight decay as well.

        Raises:
            HoldfastError: `project` is neither of the two.
        """
        super().__init__()
        self.project = one_of("project", project, ("gradient", "step"))

    def declare(self) -> Declaration:
        """Declare that this instance acts either on the gradient or on the change of θ."""
        # Only one of the two hooks acts, because a sum may hold one projection of the gradient.
        unused = "update"
        if self.project == "step":
            unused = "gradient"
        return replace(super().declare(), unused=(unused,))

    def projected(self, learner: LearnerView, vector: Tensor) -> Tensor:
        """Return a vector, shaped like θ, without the part that would change what is held."""
        raise NotImplementedError

    def gradient(self, learner: LearnerView, step: Step, g: Tensor) -> Tensor:
        return self.projected(learner, g)

    def update(self, learner: LearnerView, step: Step, delta: Tensor) -> Tensor:
        return self.projected(learner, delta)
