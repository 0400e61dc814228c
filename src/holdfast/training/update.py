"""From the gradient of the loss to the change of the weights: what happens around the optimizer."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from holdfast.engine.batch import Step
from holdfast.methods.method import PLACES, Method
from holdfast.training.view import View


@dataclass(frozen=True)
class Needs:
    """What a method needs from a step. What it does not need is not computed.

    Attributes:
        places: The places in which the method acts (`methods.method.PLACES`).
        raw_gradient: The gradient of the losses alone, before penalties.
        vector: The gradient as a vector g.
        delta: The change of θ that the optimizer made.
    """

    places: frozenset[str]
    raw_gradient: bool
    vector: bool
    delta: bool

    @classmethod
    def of(cls, method: Method) -> "Needs":
        """The needs of a method, which may be a sum."""
        places = frozenset(place for place in PLACES if method.uses(place))
        declared = [part.declare() for part in method.parts]
        raw_gradient = any(one.raw_gradient for one in declared)
        return cls(
            places=places,
            raw_gradient=raw_gradient,
            vector=raw_gradient or "penalty" in places or "gradient" in places,
            delta="update" in places or any(one.delta for one in declared),
        )


class Update:
    """Edits the gradient before the optimizer's step, and the change of θ after it."""

    def __init__(self, view: View, needs: Needs) -> None:
        self._view = view
        self._needs = needs
        self._clip = view.setup.settings.clip
        # Both are θ-shaped and used again at every step, so that no step allocates them.
        self._theta_before: Tensor | None = None
        self._raw_gradient: Tensor | None = None

    def zero_grad(self) -> None:
        """Clear the gradients before a backward pass."""
        self._view.space.zero_grad(vector=self._needs.vector)

    def forget(self) -> None:
        """Drop what was kept between steps, at the end of a task."""
        self._view.space.zero_grad()
        self._theta_before = None

    def before_step(self, step: Step) -> None:
        """Turn the gradient of the loss into what the optimizer shall see.

        Penalties are added, then the whole gradient is projected, then its norm is limited.
        """
        view = self._view
        view.state.optimizers.unscale()
        if self._needs.vector:
            self._edit(step)
        if self._clip is not None:
            nn.utils.clip_grad_norm_(view.space.parameters, self._clip, foreach=True)
        if self._needs.delta:
            self._theta_before = copied(view.space.theta, self._theta_before)

    def _edit(self, step: Step) -> None:
        method = self._view.state.method
        g = self._view.space.collect()
        if self._needs.raw_gradient:
            self._raw_gradient = copied(g, self._raw_gradient)
            step.raw_gradient = self._raw_gradient
        if "penalty" in self._needs.places:
            method.penalty(self._view, g)
        if "gradient" in self._needs.places:
            self._view.space.set_grad(method.gradient(self._view, step, g))

    @torch.no_grad()
    def after_step(self, step: Step) -> None:
        """Edit the change of θ that the optimizer made, and let the method observe the step."""
        method = self._view.state.method
        if self._needs.delta and self._theta_before is not None:
            step.delta = self._change(step, self._theta_before)
        method.after(self._view, step)

    def _change(self, step: Step, before: Tensor) -> Tensor:
        """The change of θ, edited by the method if it edits it."""
        space = self._view.space
        if "update" not in self._needs.places:
            return torch.sub(space.theta, before, out=before)
        delta = self._view.state.method.update(self._view, step, space.theta - before)
        space.still(delta)
        torch.add(before, delta, out=space.theta)
        return delta


def copied(value: Tensor, into: Tensor | None) -> Tensor:
    """A copy of a vector, in the memory of an earlier copy if that has its form."""
    value = value.detach()
    if into is None or into.shape != value.shape:
        return value.clone()
    if into.dtype != value.dtype or into.device != value.device:
        return value.clone()
    return into.copy_(value)
