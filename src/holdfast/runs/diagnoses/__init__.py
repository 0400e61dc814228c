"""Why a run forgets: each file applies one diagnostic to a run that kept its learners.

A diagnosis returns a `Finding`: its numbers, and one sentence that says what they mean for this
run.
"""

from holdfast.runs.diagnoses.table import DIAGNOSTICS

__all__ = ["DIAGNOSTICS"]
