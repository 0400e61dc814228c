"""An ONNX file as a backbone: features of a network that stays as it is."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from holdfast.errors import HoldfastError, reading, require
from holdfast.text import safe_name


class OnnxNetwork(nn.Module):
    """Runs an ONNX file on the CPU. It has no parameters, so nothing of it can be trained.

    Args:
        path: The file. It has one input, (N, ...), and its first output is the features, (N, D).

    Raises:
        HoldfastError: The file can't be read, or has several inputs.
        MissingExtra: onnxruntime is not installed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        require("onnx", "onnxruntime")
        self.path = path
        with reading(f"backbone {safe_name(str(path))}", "ONNX"):
            # The bytes, so that a copy of the network is the same if the file changes.
            self._content = path.read_bytes()
            self._session = _session(self._content)
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(one.name for one in inputs)
            raise HoldfastError(
                f"the backbone {safe_name(str(path))} has {len(inputs)} inputs ({names}); expected "
                "one, so export the network with one tensor as its input"
            )
        self._input = inputs[0].name
        self._output = self._session.get_outputs()[0].name
        self._integers = "int" in inputs[0].type

    def forward(self, x: Tensor) -> Tensor:
        """Compute the features (N, D) of inputs (N, ...)."""
        wanted = np.int64 if self._integers else np.float32
        array = x.detach().cpu().numpy().astype(wanted, copy=False)
        (features,) = self._session.run([self._output], {self._input: array})
        return torch.as_tensor(np.asarray(features), device=x.device)

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of: a session can't be copied, but made again."""
        return {name: value for name, value in self.__dict__.items() if name != "_session"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._session = _session(self._content)


def _session(content: bytes) -> Any:
    """Make what runs a network of ONNX."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
