"""Shared fixtures."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

import holdfast.runs.execute as execution

sys.path.insert(0, str(Path(__file__).parent))
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
SEARCH = execution._causes


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.set_warn_always(True)  # else a warning fails one test a process, whichever comes first


@pytest.fixture(scope="session", autouse=True)
def _causes_unsought() -> Iterator[None]:
    """Leave out the search for a better learning rate, by which a run explains that it failed.

    Most runs of tests are so short that the search takes three times as long as they do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "_causes", lambda *_: [])
        yield


@pytest.fixture(scope="module")
def causes_sought() -> Iterator[None]:
    """Let runs of a module explain why they learnt nothing, as they do for users."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execution, "_causes", SEARCH)
        yield


@pytest.fixture(scope="session")
def sweep_folder(tmp_path_factory) -> Path:
    """Finished runs: three capacities of ER with validation data, two seeds each."""
    from helpers import quick
    from holdfast.bench.sweep import parse_sweep, swept
    from holdfast.runs.carry_out import run_all

    out = tmp_path_factory.mktemp("sweep")
    runs = []
    for seed in (1, 2):
        base = quick("ER(10)", seed=seed, data={"validation": 0.2})
        runs += swept(base, [parse_sweep("capacity=10,60,300")])
    assert len(list(run_all(runs, out))) == 6
    return out


@pytest.fixture(scope="session")
def speed_folder(tmp_path_factory) -> Path:
    """Finished runs with learning curves: three methods, three seeds each."""
    from helpers import quick
    from holdfast.runs.carry_out import run_all

    out = tmp_path_factory.mktemp("speed")
    runs = []
    for method in ("FineTune", "PNN", "FromScratch"):
        runs += [(method, quick(method, "task", seed, evaluate_every=5)) for seed in (1, 2, 3)]
    assert len(list(run_all(runs, out))) == 9
    return out


@pytest.fixture
def data_dir() -> str:
    """The folder of real data sets; the test is skipped where there is none."""
    folder = os.environ.get("HOLDFAST_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HOLDFAST_DATA names no folder of data sets")
    return folder


def _weights(what: str) -> Path:
    """Real pretrained weights; the test is skipped where their package is not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        import weights

    finders = {
        "MiniLM": weights.minilm,
        "SmolLM2": weights.smollm2,
        "EfficientNet-Lite0": weights.efficientnet_lite0,
    }
    found: Path | None = finders[what]()
    if found is None:
        pytest.skip(weights.missing(what))
    return found


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of the sentence encoder MiniLM."""
    return _weights("MiniLM")


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """The GGUF file of the language model SmolLM2."""
    return _weights("SmolLM2")


@pytest.fixture(scope="session")
def efficientnet_lite0() -> Path:
    """The weights of the network of images EfficientNet-Lite0."""
    return _weights("EfficientNet-Lite0")
