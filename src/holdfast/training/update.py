"""From the gradient of the loss to the change of the weights: what happens around the optimizer.

The weights are one vector θ, and their gradient is one vector g, which parameters and `.grad` are
views of. Methods act on these vectors. Work that no part of the method needs is left out, so that a
step of plain fine-tuning costs what it costs in a bare loop.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Step
from holdfast.methods.method import HOOKS, Method
from holdfast.training.view import View


@dataclass(frozen=True)
class Needs:
    """What a method needs from a step.

    Attributes:
        hooks: The hooks in which the method acts (`methods.method.HOOKS`).
        raw_gradient: Whether a copy of the gradient of the losses alone, before penalties, is kept.
        vector: Whether the gradient is needed as the vector g.
        delta: Whether the change of θ that the optimizer made is measured.
    """

    hooks: frozenset[str]
    raw_gradient: bool
    vector: bool
    delta: bool

    @classmethod
    def of(cls, method: Method) -> "Needs":
        """Return the needs of a method, which may be a sum of methods."""
        hooks = frozenset(hook for hook in HOOKS if method.uses(hook))
        declarations = [part.declare() for part in method.parts]
        raw_gradient = any(declaration.raw_gradient for declaration in declarations)
        return cls(
            hooks=hooks,
            raw_gradient=raw_gradient,
            vector=raw_gradient or "penalty" in hooks or "gradient" in hooks,
            delta="update" in hooks or any(declaration.delta for declaration in declarations),
        )


class Update:
    """Edits the gradient before the optimizer's step, and the change of θ after it.

    Args:
        view: The learner as its method sees it.
        needs: What its method needs.
        clips: Whether the norm of the gradient is limited as the settings say.
    """

    def __init__(self, view: View, needs: Needs, clips: bool = True) -> None:
        self._view = view
        self._needs = needs
        self._clip: float | None = None
        if clips:
            self._clip = view.setup.settings.clip
        # Both are shaped like θ and are used again at every step, so that no step allocates them.
        self._theta_before: Tensor | None = None
        self._raw_gradient: Tensor | None = None

    def zero_grad(self) -> None:
        """Clear the gradients before a backward pass."""
        self._view.space.zero_grad(vector=self._needs.vector)

    def before_step(self, step: Step) -> None:
        """Turn the gradient of the loss into the one that the optimizer uses.

        Penalties are added first, because a projection must hold for the whole gradient. Its norm
        is limited last, because this must hold for what the optimizer sees.

        Args:
            step: The step, after its backward pass.
        """
        view = self._view
        # In float16 the loss was multiplied by a factor, which penalties do not have.
        view.state.optimizers.unscale()
        if self._needs.vector:
            self._edit_gradient(step)
        if self._clip is not None:
            # `foreach` launches a few kernels for all parameters instead of some for each.
            nn.utils.clip_grad_norm_(view.space.parameters, self._clip, foreach=True)
        if self._needs.delta:
            # The optimizer writes into θ in place, so the values before its step need a copy.
            self._theta_before = copied(view.space.theta, self._theta_before)

    def _edit_gradient(self, step: Step) -> None:
        """Let the method add penalties to the gradient vector, and project it."""
        method = self._view.state.method
        g = self._view.space.collect()
        if self._needs.raw_gradient:
            # A copy, because penalties are added to g in place.
            self._raw_gradient = copied(g, self._raw_gradient)
            step.raw_gradient = self._raw_gradient
        if "penalty" in self._needs.hooks:
            method.penalty(self._view, g)
        if "gradient" in self._needs.hooks:
            self._view.space.set_grad(method.gradient(self._view, step, g))

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Edit the change of θ that the optimizer made, and let the method observe the step.

        Neither is differentiated, and θ is written in place, which autograd would refuse.

        Args:
            step: The step, after the optimizer moved the weights.
        """
        method = self._view.state.method
        if self._needs.delta and self._theta_before is not None:
            step.delta = self._change(step, self._theta_before)
        method.after(self._view, step)

    def _change(self, step: Step, before: Tensor) -> Tensor:
        """Return the change of θ, edited by the method if it edits changes."""
        space = self._view.space
        if "update" not in self._needs.hooks:
            # The copy of θ is no longer needed, so the difference takes its memory.
            return torch.sub(space.theta, before, out=before)
        delta = self._view.state.method.update(self._view, step, space.theta - before)
        # An edit of the whole vector must not move a parameter that no loss has reached.
        space.still(delta)
        torch.add(before, delta, out=space.theta)
        return delta

    def forget(self) -> None:
        """Drop what is kept between steps, so that nothing shaped like θ stays between tasks."""
        self._view.space.zero_grad()
        self._theta_before = None


def copied(value: Tensor, memory: Tensor | None) -> Tensor:
    """Copy a vector, into the memory of an earlier copy if that has its form.

    Args:
        value: The vector.
        memory: The earlier copy, which is overwritten, or None.

    Returns:
        The copy, without a graph.

    Example:
        >>> earlier = torch.zeros(2)
        >>> copied(torch.ones(2), earlier) is earlier, copied(torch.ones(3), earlier) is earlier
        (True, False)
    """
    value = value.detach()
    if memory is None or memory.shape != value.shape:
        return value.clone()
    if memory.dtype != value.dtype or memory.device != value.device:
        return value.clone()
    return memory.copy_(value)
