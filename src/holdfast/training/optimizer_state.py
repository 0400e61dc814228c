"""The optimizers of a learner in its checkpoints: groups by the names of parameters, and what is remembered of each."""

from typing import TYPE_CHECKING, Any

from torch import Tensor
from torch.optim import Optimizer

from holdfast.errors import HoldfastError
from holdfast.training import contents

if TYPE_CHECKING:
    from holdfast.training.learner import Learner

NAMED = ("params", "param_names")  # the entries of an optimizer's group that are no options


def optimizers_of(learner: "Learner") -> dict[str, Optimizer]:
    """The optimizers of a learner: `main`, and those of its methods' own parts."""
    main = {} if learner._optimizer is None else {"main": learner._optimizer}
    return main | {f"own.{k}": v for k, v in learner._own_optimizers.items()}


def _names(learner: "Learner") -> dict[int, str]:
    of_model = {id(p): f"model.{n}" for n, p in learner.model.named_parameters()}
    return of_model | {id(p): f"method.{n}" for n, p in learner.method.named_parameters()}


def collect_optimizer(
    learner: "Learner", key: str, opt: Optimizer, tensors: dict[str, Tensor]
) -> dict[str, Any]:
    """The plain values of an optimizer; its tensors are added to `tensors`.

    Raises:
        HoldfastError: It holds a parameter that has no name.
    """
    names, state = _names(learner), opt.state_dict()
    plain: dict[str, Any] = {"groups": [], "state": {}}
    for group, real in zip(state["param_groups"], opt.param_groups, strict=True):
        options = {
            k: (v.item() if isinstance(v, Tensor) else v)
            for k, v in group.items()
            if k not in NAMED
        }
        if any(id(p) not in names for p in real["params"]):
            raise HoldfastError(
                "the optimizer holds a parameter that belongs neither to the model nor to the method, so a checkpoint "
                "could not name it; make that parameter a part of the model"
            )
        plain["groups"].append(
            {"params": [names[id(p)] for p in real["params"]], "options": options}
        )
    for index, values in state["state"].items():
        for k, v in values.items():
            if isinstance(v, Tensor):
                tensors[f"optimizer.{key}.{index}.{k}"] = v
            else:
                plain["state"].setdefault(str(index), {})[k] = v
    return plain


def restore_optimizers(learner: "Learner", state: dict[str, Any], only: str | None = None) -> None:
    """Restore the state of the optimizers that exist, or of one of them by name."""
    saved = state["about"]["optimizers"]
    if learner._optimizer is not None and "main" not in saved:
        raise HoldfastError("it has no state of the optimizer")
    for key, opt in optimizers_of(learner).items():
        if key in saved and only in (None, key):
            prefix = f"optimizer.{key}."
            tensors = {
                k.removeprefix(prefix): v
                for k, v in state["tensors"].items()
                if k.startswith(prefix)
            }
            _restore_optimizer(learner, opt, saved[key], tensors)


def _restore_optimizer(
    learner: "Learner", opt: Optimizer, plain: dict[str, Any], tensors: dict[str, Tensor]
) -> None:
    by_name = {f"model.{n}": p for n, p in learner.model.named_parameters()}
    by_name |= {f"method.{n}": p for n, p in learner.method.named_parameters()}
    contents.check_optimizer(opt, plain, tensors, by_name)
    for group, saved in zip(opt.param_groups, plain["groups"], strict=True):
        group["params"] = [by_name[n] for n in saved["params"]]
    groups, first = [], 0
    for saved in plain["groups"]:
        groups.append(
            {**saved["options"], "params": list(range(first, first + len(saved["params"])))}
        )
        if "param_names" in opt.param_groups[0]:
            groups[-1]["param_names"] = [n.removeprefix("model.") for n in saved["params"]]
        first += len(saved["params"])
    state: dict[int, dict[str, Any]] = {int(k): dict(v) for k, v in plain["state"].items()}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value.clone()
    opt.load_state_dict({"state": state, "param_groups": groups})
