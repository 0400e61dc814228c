"""Language models that learn their tasks in stages: what is probed, trained and compared.

What may be put where:

    settings.py     what a training depends on, and where its files are
    task_files.py   tasks from files of prompts and completions
    adapters.py     one adapter of peft through all stages
    preparing.py    settings from what a user gives, checked
    loading.py      the model, its tokenizer and its tasks, once per process
    training.py     one stage after another: what is trained from which state
    execution.py    one training from its settings to its scores
    carry_out.py    many trainings, resumed and spread over processes
    probing.py      which trainings measure the transfer between tasks
    trained.py      the model at the end, and its result
    verifying.py    which trainings show whether the plan was worth it
    scores.py       what tasks are scored by
    signals.py      how sure the model is, before and after each task
"""

from holdfast.staging.preparing import Prepared, prepare
from holdfast.staging.settings import Adapter, Places, StageSettings
from holdfast.staging.task_files import TaskFiles, read_tasks
from holdfast.staging.training import Training

__all__ = [
    "Adapter",
    "Places",
    "Prepared",
    "StageSettings",
    "TaskFiles",
    "Training",
    "prepare",
    "read_tasks",
]
