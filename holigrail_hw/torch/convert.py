"""Models of ``torch.nn`` turned into models that compute in an arithmetic."""

import copy
import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from .arithmetic import Arithmetic
from .modules import Conv2d, Linear
from .random import name_layers

__all__ = ["Report", "convert", "report"]

_COUNTERPARTS: dict[type[nn.Module], type[nn.Module]] = {
    nn.Linear: Linear,
    nn.Conv2d: Conv2d,
}


@dataclass(frozen=True)
class Report:
    """Paths of layers that compute in an arithmetic, and of those that stay in float."""

    replaced: dict[str, str]
    kept: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{path or '(model)'}: {text}" for path, text in self.replaced.items()]
        lines += [f"{path or '(model)'}: {text}, in float" for path, text in self.kept.items()]
        return "\n".join(lines)


def convert(
    model: nn.Module,
    rules: Mapping[type | str | Callable[[str, nn.Module], bool], Arithmetic | None],
) -> nn.Module:
    """A copy of a model whose layers compute in an arithmetic; parameters keep their names.

    Parameters
    ----------
    rules : mapping
        From a type of module, a pattern of paths (as of ``fnmatch``) or a function of path and
        module to an :class:`Arithmetic`; to None for what stays in float. Paths go before
        functions, and functions before types.
    """
    result = copy.deepcopy(model)
    found: dict[str, Arithmetic] = {}
    for path, module in result.named_modules():
        arithmetic = _chosen(rules, path, module)
        if arithmetic is not None:
            found[path] = arithmetic
    wrong = [
        f"{path or '(model)'} ({type(result.get_submodule(path)).__name__})"
        for path in found
        if type(result.get_submodule(path)) not in _COUNTERPARTS
    ]
    if wrong:
        raise ValueError(
            f"convert: modules must be {', '.join(t.__name__ for t in _COUNTERPARTS)},"
            f" not {', '.join(wrong)}"
        )
    for path, arithmetic in found.items():
        module = result.get_submodule(path)
        new = _turned(module, arithmetic)
        if not path:
            result = new
            continue
        parent, _, name = path.rpartition(".")
        setattr(result.get_submodule(parent), name, new)
    name_layers(result)
    return result


def report(model: nn.Module) -> Report:
    """Which layers of a model compute in an arithmetic."""
    replaced, kept = {}, {}
    for path, module in model.named_modules():
        if hasattr(module, "arithmetic"):
            replaced[path] = f"{type(module).__name__}, {module.arithmetic.forward.text}"
        elif not list(module.children()):
            kept[path] = type(module).__name__
    return Report(replaced, kept)


def _chosen(rules: Mapping[Any, Arithmetic | None], path: str, module: nn.Module) -> Any:
    kinds = (
        lambda key: isinstance(key, str) and fnmatch.fnmatchcase(path, key),
        lambda key: callable(key) and not isinstance(key, type) and key(path, module),
        lambda key: isinstance(key, type) and type(module) is key,
    )
    for matches in kinds:
        for key, arithmetic in rules.items():
            if matches(key):
                return arithmetic
    return None


def _turned(module: nn.Module, arithmetic: Arithmetic) -> nn.Module:
    """The module itself in another class: parameters, hooks and buffers stay as they are."""
    module.__class__ = _COUNTERPARTS[type(module)]
    module.arithmetic, module.random_key = arithmetic, 0  # type: ignore[assignment]
    return module
