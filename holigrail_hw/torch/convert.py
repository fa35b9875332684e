"""Models of ``torch.nn`` turned into models that compute in an arithmetic."""

import copy
import fnmatch
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn
from torch.nn.utils import parametrize

from .arithmetic import Arithmetic
from .modules import (
    GELU,
    AvgPool2d,
    Conv1d,
    Conv2d,
    ConvTranspose2d,
    Embedding,
    Layer,
    LayerNorm,
    Linear,
    MultiheadAttention,
    Softmax,
    unsupported,
)
from .random import name_layers

__all__ = ["Report", "convert", "keep_to_layers", "report"]

Rules = Mapping[type | str | Callable[[str, nn.Module], bool], Arithmetic | None]
_LAYERS = (
    *(Linear, Conv1d, Conv2d, ConvTranspose2d, MultiheadAttention, Embedding),
    *(LayerNorm, Softmax, GELU, AvgPool2d),
)
_COUNTERPARTS: dict[type[nn.Module], type[nn.Module]] = {
    getattr(nn, layer.__name__): layer for layer in _LAYERS
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


def convert(model: nn.Module, rules: Rules) -> nn.Module:
    """A copy of a model whose layers compute in an arithmetic; parameters keep their names.

    Layers that have an arithmetic already get the new one.

    Parameters
    ----------
    rules : mapping
        From a type of module, a pattern of paths (as of ``fnmatch``) or a function of path and
        module to an :class:`Arithmetic`; to None for what stays in float. Patterns go before
        functions, and functions before types; patterns and functions leave modules alone that have
        nothing to compute.

    Raises
    ------
    ValueError
        Names all modules that have no counterpart here, and all patterns that fit none.
    """
    result = copy.deepcopy(model)
    if wrong := _wrong_rules(rules):
        raise ValueError(f"convert: {'; '.join(wrong)}")
    found = {path: _chosen(rules, path, module) for path, module in result.named_modules()}
    wrong = _unused(rules, {rule for rule, _ in filter(None, found.values())})
    chosen: dict[str, Arithmetic] = {}
    for path, choice in found.items():
        if choice is not None and choice[1] is not None:
            wrong += _refusals(path, result.get_submodule(path))
            chosen[path] = choice[1]
    if wrong:
        raise ValueError(f"convert: {'; '.join(wrong)}")
    for path, arithmetic in chosen.items():
        _turn(result.get_submodule(path), arithmetic)
    keep_to_layers(result, Layer)
    name_layers(result)
    return result


def report(model: nn.Module) -> Report:
    """Which layers of a model compute in an arithmetic."""
    replaced, kept = {}, {}
    for path, module in model.named_modules():
        if isinstance(module, Layer):
            replaced[path] = f"{type(module).__name__}, {module.arithmetic.forward.text}"
        elif not list(module.children()):
            kept[path] = type(module).__name__
    return Report(replaced, kept)


def _wrong_rules(rules: Rules) -> list[str]:
    found = []
    for key, arithmetic in rules.items():
        if not isinstance(key, str) and not callable(key):
            found.append(f"a rule must be for a type, a pattern or a function, not {key!r}")
        if arithmetic is not None and not isinstance(arithmetic, Arithmetic):
            found.append(f"{_name(key)} must have an Arithmetic or None, not {arithmetic!r}")
    return found


def _name(key: Any) -> str:
    return repr(key) if isinstance(key, str) else getattr(key, "__name__", repr(key))


def _chosen(rules: Rules, path: str, module: nn.Module) -> tuple[Any, Arithmetic | None] | None:
    """The rule of a module, and what it says."""
    computes = _kind(module) in _COUNTERPARTS or any(True for _ in module.parameters(recurse=False))
    fits = (
        lambda key: isinstance(key, str) and computes and fnmatch.fnmatchcase(path, key),
        lambda key: not isinstance(key, str | type) and computes and key(path, module),
        lambda key: isinstance(key, type) and _kind(module) is key,
    )
    for is_one in fits:
        for key, arithmetic in rules.items():
            if is_one(key):
                return key, arithmetic
    return None


def _unused(rules: Rules, used: set[Any]) -> list[str]:
    return [
        f"a layer must fit the pattern {key!r}, but none does"
        for key in rules
        if isinstance(key, str) and key not in used
    ]


def _kind(module: nn.Module) -> type[nn.Module]:
    """The type of ``torch.nn`` that a module is of, or its own."""
    kind = type(module)
    if parametrize.is_parametrized(module):
        kind = kind.__mro__[1]
    if issubclass(kind, Layer):
        kind = getattr(nn, kind.__name__, kind)
    return kind


def _refusals(path: str, module: nn.Module) -> list[str]:
    place, kind = f"{path or '(model)'} ({type(module).__name__})", _kind(module)
    if kind not in _COUNTERPARTS:
        known = ", ".join(known.__name__ for known in _COUNTERPARTS)
        return [f"{place} must be one of {known}"]
    if parametrize.is_parametrized(module):
        return [f"{place} must be converted before it is parametrised"]
    wrong = []
    if isinstance(module, nn.MultiheadAttention):
        wrong = unsupported(module)
    if isinstance(module, nn.AvgPool2d) and module.ceil_mode:
        wrong = ["ceil_mode must be False"]
    return [f"{place}: {text}" for text in wrong]


def keep_to_layers(model: nn.Module, kind: type[nn.Module]) -> None:
    """Encoders of ``torch.nn`` call layers of a kind, as they do while training.

    For evaluation they have one operator of their own, in float, that takes the layers' weights. It
    is for known activations alone: the activation itself stays as it is.
    """
    for module in model.modules():
        if not any(isinstance(part, kind) for part in module.modules()):
            continue
        if isinstance(module, nn.TransformerEncoderLayer):
            module.activation_relu_or_gelu = 0
        elif isinstance(module, nn.TransformerEncoder):
            module.use_nested_tensor = False


def _turn(module: nn.Module, arithmetic: Arithmetic) -> None:
    """The module itself gets another class: parameters, hooks and buffers stay as they are."""
    module.__class__ = _COUNTERPARTS[_kind(module)]
    module.arithmetic, module.random_key = arithmetic, 0  # type: ignore[assignment]
