"""What finished runs left behind, and what is computed from it. No PyTorch.

`RunResult` is the record of one run. `load_results` reads the records of folders, `summarise` puts
those that differ in their seeds alone into groups, and the other functions compare groups.

- `parts`: the base of all records, and the kinds of values in them.
- `record`: a run, with its `run_settings`, `cost`, `curves`, and the `finding` of a diagnostic.
- `file_names`, `storage`: the files of a run, their one reader and their one writer.
- `measures`: the numbers of each run, and their intervals; a new measure goes here.
- `groups`: runs of several seeds.
- `learnt`: which tasks were learnt at all.
- `ranking`, `differences`, `learning_speed`, `growth`: groups compared.
- `sweeps`, `selection`: hyperparameters that vary, and the value that is selected.
"""

from holdfast.results.causes import advice_on
from holdfast.results.cost import DeclaredGrowth, RunCost, Seconds, TaskCost
from holdfast.results.curves import BoundaryDetection, TrainingCurves
from holdfast.results.differences import Difference, compare_folders, side_by_side
from holdfast.results.finding import Finding
from holdfast.results.groups import Group, by_scenario, found_rates, summarise
from holdfast.results.growth import Growth, fitted_growth, growth
from holdfast.results.learning_speed import LearningSpeed, learning_speed
from holdfast.results.measures import MEASURES
from holdfast.results.ranking import on_front, pareto_front, ranks
from holdfast.results.record import RunResult
from holdfast.results.run_settings import DataSettings, RunSettings
from holdfast.results.selection import Selection, on_validation, select
from holdfast.results.storage import (
    load_results,
    read_findings,
    read_result,
    write_findings,
    write_result,
)
from holdfast.results.sweeps import Sweep, find_sweeps, hyperparameters

__all__ = [
    "MEASURES",
    "BoundaryDetection",
    "DataSettings",
    "DeclaredGrowth",
    "Difference",
    "Finding",
    "Group",
    "Growth",
    "LearningSpeed",
    "RunCost",
    "RunResult",
    "RunSettings",
    "Seconds",
    "Selection",
    "Sweep",
    "TaskCost",
    "TrainingCurves",
    "advice_on",
    "by_scenario",
    "compare_folders",
    "find_sweeps",
    "fitted_growth",
    "found_rates",
    "growth",
    "hyperparameters",
    "learning_speed",
    "load_results",
    "on_front",
    "on_validation",
    "pareto_front",
    "ranks",
    "read_findings",
    "read_result",
    "select",
    "side_by_side",
    "summarise",
    "write_findings",
    "write_result",
]
