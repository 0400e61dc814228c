"""Orders of tasks from measured backward transfer, and how far a plan can be trusted. No PyTorch."""

from holdfast.planning.matrix import Probe, read_probe
from holdfast.planning.ordering import Constraints, best_order, order_value
from holdfast.planning.plan import Plan, Stages, make_plan, make_stages
from holdfast.planning.schedulers import SCHEDULERS
from holdfast.planning.verify import Outcome, Verification, verified

__all__ = [
    "SCHEDULERS",
    "Constraints",
    "Outcome",
    "Plan",
    "Probe",
    "Stages",
    "Verification",
    "best_order",
    "make_plan",
    "make_stages",
    "order_value",
    "read_probe",
    "verified",
]
