"""Other systems, such as experiment trackers.

Where new code belongs: one module per system, with an extra of its own in `pyproject.toml` if it
needs packages.

- `mlflow`: metrics of training runs, results from runs for the gate, and verdicts on runs.
- `mlflow_models`: versions in the registry of MLflow.
- `transformers`: a Trainer whose stages are tasks, in a folder because it trains with the learner.
- `pytest_gate`: the fixture `assert_not_worse` for tests, which pytest finds by itself.
- `failed_verdict`: the message of such a test.
"""
