"""Other systems, such as experiment trackers.

Where new code belongs: one module per system, with an extra of its own in `pyproject.toml`.

- `mlflow`: metrics of training runs, results from runs for the gate, and verdicts on runs.
"""
