"""Orders of tasks from measured transfer, and how far a plan can be trusted. Needs no PyTorch.

What may be put where:

    probe.py         the measured transfer between tasks, and its checks
    probe_files.py   reading a probe from its folder or from CSV files
    constraints.py   which task must come before which, and random orders that keep this
    value.py         the value of an order, and when two values tie
    exact.py         the best order by dynamic programming
    insertion.py     a good order by local search
    ordering.py      which of the two solves a problem
    paths.py         the longest path through all tasks
    schedulers.py    the rules that order tasks from a probe; a new rule goes here
    plan.py          an order with its prediction and its stability
    stages.py        groups of tasks to train together
    outcomes.py      trained orders, and what planned ones gain over random ones
    correlation.py   rank correlation with an interval over orders
    verify.py        what trained orders show of a plan
    verdict.py       the same in words
    staged.py        whether a planned order of fine-tuning was worth it
"""

from holdfast.planning.constraints import Constraints, random_orders
from holdfast.planning.ordering import best_order
from holdfast.planning.outcomes import Outcome
from holdfast.planning.plan import Plan, make_plan
from holdfast.planning.probe import Probe
from holdfast.planning.probe_files import read_probe
from holdfast.planning.schedulers import SCHEDULERS
from holdfast.planning.staged import StagedVerification, staged_verification
from holdfast.planning.stages import Stages, make_stages
from holdfast.planning.value import order_value
from holdfast.planning.verify import Verification, verified

__all__ = [
    "SCHEDULERS",
    "Constraints",
    "Outcome",
    "Plan",
    "Probe",
    "StagedVerification",
    "Stages",
    "Verification",
    "best_order",
    "make_plan",
    "make_stages",
    "order_value",
    "random_orders",
    "read_probe",
    "staged_verification",
    "verified",
]
