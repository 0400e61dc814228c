"""Sums that practice uses, by name: `parse_method("ER_LwF(500)")` is the sum that it stands for."""

from holdfast.methods.bic import BiC
from holdfast.methods.derpp import DERpp
from holdfast.methods.er import ER
from holdfast.methods.ewc import EWC
from holdfast.methods.lwf import LwF
from holdfast.methods.method import Method


def ER_LwF(capacity: int = 500, alpha: float = 1.0) -> Method:
    """A small memory anchors the classes, the teacher keeps what it has no example of: helps most when few examples may be stored."""
    return ER(capacity) + LwF(alpha)


def ER_LwF_EWC(capacity: int = 500, alpha: float = 1.0, strength: float = 10.0) -> Method:
    """As ER_LwF, and a weak spring on the weights that mattered: slows the drop right after a boundary, before replay has caught up."""
    return ER(capacity) + LwF(alpha) + EWC(strength)


def DERpp_BiC(capacity: int = 500, held_out: int = 200) -> Method:
    """Stored logits and labels, then a correction of the new classes' logits: for many class-incremental tasks and a small memory, where
    the newest classes are otherwise predicted too often."""
    return DERpp(capacity) + BiC(held_out)


PRESETS = {f.__name__: f for f in (ER_LwF, ER_LwF_EWC, DERpp_BiC)}
