"""The methods. Exporting one here makes it appear in the CLI, the docs table and the conformance tests."""

from holdfast.methods.agem import AGEM
from holdfast.methods.compose import Composite
from holdfast.methods.er import ER
from holdfast.methods.ewc import EWC
from holdfast.methods.finetune import FineTune
from holdfast.methods.joint import Joint
from holdfast.methods.lwf import LwF
from holdfast.methods.method import Declaration, Method, Phase
from holdfast.methods.spec import parse_method

__all__ = ["AGEM", "ER", "EWC", "Composite", "Declaration", "FineTune", "Joint", "LwF", "Method", "Phase", "parse_method"]

METHODS: dict[str, type[Method]] = {
    name: value
    for name, value in sorted(globals().items())
    if isinstance(value, type) and issubclass(value, Method) and value not in (Method, Composite)
}
