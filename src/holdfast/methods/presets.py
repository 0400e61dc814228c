"""Sums of methods that work well together, by name: `parse_method("ER_LwF(500)")` is such a sum.

`holdfast methods` prints the docstrings, so they say when to use each sum. The arguments are those
of the parts: `capacity` of the memory, `alpha` of LwF, `strength` of EWC, and `held_out` for the
capacity of BiC's held-out memory.
"""

from holdfast.methods.bic import BiC
from holdfast.methods.derpp import DERpp
from holdfast.methods.er import ER
from holdfast.methods.ewc import EWC
from holdfast.methods.lwf import LwF
from holdfast.methods.method import Method


def ER_LwF(capacity: int = 500, alpha: float = 1.0) -> Method:
    """A small memory keeps the classes apart, and a teacher keeps what the memory has no example
    of. It helps most if you may store few examples."""
    return ER(capacity) + LwF(alpha)


def ER_LwF_EWC(capacity: int = 500, alpha: float = 1.0, strength: float = 10.0) -> Method:
    """As ER_LwF, and a weak spring on the weights that mattered. It slows the drop of old tasks
    right after a boundary, before replay has made up for it."""
    return ER(capacity) + LwF(alpha) + EWC(strength)


def DERpp_BiC(capacity: int = 500, held_out: int = 200) -> Method:
    """Stored logits and labels, then a correction of the new classes' logits. Use it for many tasks
    in the class scenario with a small memory, where the newest classes are predicted too often."""
    return DERpp(capacity) + BiC(held_out)


PRESETS = {preset.__name__: preset for preset in (ER_LwF, ER_LwF_EWC, DERpp_BiC)}
