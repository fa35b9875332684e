"""Parameters of operators: dataclass fields that know their help text, bounds and choices.

From these fields come the command-line options, the recipe keys, validation and the documentation.
A parameter's type is ``int``, ``bool``, ``str`` (with choices), an enumeration, a number format, or
``tuple[int, ...]``, which is written as integers separated by commas, or rows of these, separated
by semicolons or read from a NumPy file, or matrices of these rows, separated by bars. Of an archive
(.npz) matrices are the two-dimensional arrays and rows the one-dimensional ones, by name.
"""

import dataclasses
import enum
import re
import types
import typing
from pathlib import Path
from typing import Any

from holigrail_hw.formats import Format, FormatError, parse

from .errors import RequestError

__all__ = [
    "Parameter",
    "construct",
    "parameter",
    "parameters_of",
    "parse_parameters",
    "to_text",
    "violations",
]


def parameter(
    default: Any,
    help: str,
    *,
    low: int | None = None,
    high: int | None = None,
    choices: tuple[Any, ...] = (),
    samples: tuple[Any, ...] = (),
    hardware: bool = True,
) -> Any:
    """A dataclass field that is a parameter of an operator.

    Parameters
    ----------
    default : value of the field's type, or ``None`` if it is derived from the others
    help : one line for people
    low, high : bounds of an integer, both included
    choices : the allowed values
    samples : further values worth a test or a point in an exploration
    hardware : whether it says what the hardware is. One that only asks a question, as the sizes of
        a product whose cycles ``info`` shall say, or how long a search may take, is not part of
        the design's name; what a search finds is, by :meth:`.OperatorSpec.outcome`
    """
    metadata = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices,
        "samples": samples,
        "hardware": hardware,
    }
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One parameter as seen from outside; ``type`` is int, bool, str, tuple, Format or an Enum."""

    name: str
    type: type
    optional: bool
    default: Any
    help: str
    low: int | None
    high: int | None
    choices: tuple[Any, ...]
    samples: tuple[Any, ...]
    rows: bool = False
    matrices: bool = False
    hardware: bool = True

    @property
    def legal(self) -> str:
        """The legal values in words."""
        if self.low is not None:
            return f"{self.low} to {self.high}"
        if self.choices:
            return ", ".join(to_text(choice) for choice in self.choices)
        if self.type is bool:
            return "true or false"
        if self.matrices:
            return "matrices separated by bars, or the path of a .npz file"
        if self.type is tuple:
            rows = ", in rows separated by semicolons, or the path of a .npy or .npz file"
            return f"integers separated by commas{rows if self.rows else ''}"
        return "a format name" if self.type is Format else "text"

    @property
    def separator(self) -> str:
        """What stands between several values of an exploration; a list has commas of its own."""
        return ":" if self.type is tuple else ","

    def from_text(self, text: Any) -> Any:
        """Parse a value given as text (command line) or as a TOML value; raises ValueError."""
        if text is None or (self.optional and text in ("none", "auto", "")):
            return None
        if self.type is Format:
            return parse(str(text))
        if self.type is bool:
            if isinstance(text, bool):
                return text
            if str(text).lower() in ("true", "yes", "1"):
                return True
            if str(text).lower() in ("false", "no", "0"):
                return False
            raise ValueError(f"{self.name} must be true or false, not {text}")
        if self.type is int:
            try:
                return int(str(text), 0)
            except ValueError:
                raise ValueError(f"{self.name} must be an integer, not {text!r}") from None
        if self.matrices:
            if isinstance(text, str) and text.endswith(".npz"):
                text = _from_archive(Path(text), self.name, 2)
            parts = text if isinstance(text, list | tuple) else str(text).split("|")
            return tuple(self._rows(part) for part in parts)
        if self.rows:
            return self._rows(text)
        if self.type is tuple:
            items = text if isinstance(text, list | tuple) else str(text).split(",")
            try:
                return tuple(int(str(item), 0) for item in items)
            except ValueError:
                raise ValueError(f"{self.name} must be {self.legal}, not {text!r}") from None
        if issubclass(self.type, enum.Enum):
            aliases = getattr(self.type, "aliases", lambda: {})()
            value = aliases.get(str(text), str(text))
            if value not in [member.value for member in self.type]:
                raise ValueError(f"{self.name} must be one of {self.legal}, not {text}")
            return self.type(value)
        return str(text)

    def violation(self, value: Any) -> str | None:
        """What is wrong with a value, or ``None``."""
        if value is None:
            return None if self.optional else f"{self.name} must be given"
        if self.low is not None and self.high is not None and self.type is int:
            if isinstance(value, bool) or not isinstance(value, int):
                return f"{self.name} must be an integer, not {value!r}"
            if not self.low <= value <= self.high:
                return (
                    f"{self.name} must be between {self.low} and {self.high}, not {value}"
                    f" ({self.help})"
                )
        if self.type is Format and not isinstance(value, Format):
            return f"{self.name} must be a number format, not {value!r}"
        if self.matrices:
            parts: Any = value
            right = isinstance(value, tuple) and all(isinstance(part, tuple) for part in parts)
            if not right or not all(_integers(row) for part in parts for row in part):
                return (
                    f"{self.name} must be a tuple of integers for each row of each matrix, "
                    f"not {value!r}"
                )
        elif self.rows and not (isinstance(value, tuple) and all(map(_integers, value))):
            return f"{self.name} must be a tuple of integers for each row, not {value!r}"
        elif self.type is tuple and not self.rows and not _integers(value):
            return f"{self.name} must be a tuple of integers, not {value!r}"
        if self.choices and value not in self.choices:
            return f"{self.name} must be one of {self.legal}, not {to_text(value)}"
        return None

    def _rows(self, text: Any) -> Any:
        if isinstance(text, str) and text.endswith(".npy"):
            text = _from_numpy(Path(text), self.name)
        if isinstance(text, str) and text.endswith(".npz"):
            text = _from_archive(Path(text), self.name, 1)
        rows = text if isinstance(text, list | tuple) else str(text).split(";")
        try:
            return tuple(
                tuple(
                    int(str(item), 0)
                    for item in (row if isinstance(row, list | tuple) else str(row).split(","))
                )
                for row in rows
            )
        except ValueError:
            raise ValueError(f"{self.name} must be {self.legal}, not {text!r}") from None


def parameters_of(spec: Any) -> dict[str, Parameter]:
    """The parameters of an operator class or instance: its own, then inherited ones."""
    cls = spec if isinstance(spec, type) else type(spec)
    hints = typing.get_type_hints(cls)
    found = {}
    own = cls.__dict__.get("__annotations__", {})
    for field in sorted(dataclasses.fields(cls), key=lambda field: field.name not in own):
        if "help" not in field.metadata:
            continue
        hint = hints[field.name]
        is_union = typing.get_origin(hint) in (typing.Union, types.UnionType)
        kinds = typing.get_args(hint) if is_union else (hint,)
        kind = next(k for k in kinds if k is not type(None))
        inner = typing.get_args(kind)[0] if typing.get_origin(kind) is tuple else int
        rows = inner is not int
        matrices = rows and typing.get_args(inner)[0] is not int
        kind = typing.get_origin(kind) or kind
        choices = field.metadata["choices"]
        if issubclass(kind, enum.Enum) and not choices:
            choices = tuple(kind)
        found[field.name] = Parameter(
            name=field.name,
            type=kind,
            optional=type(None) in kinds,
            default=field.default,
            help=field.metadata["help"],
            low=field.metadata["low"],
            high=field.metadata["high"],
            choices=choices,
            samples=field.metadata["samples"],
            hardware=field.metadata["hardware"],
            rows=rows and not matrices,
            matrices=matrices,
        )
    return found


def parse_parameters(cls: type, given: dict[str, Any], *, who: str) -> dict[str, Any]:
    """Turn texts into values; raises RequestError with every violation at once."""
    known = parameters_of(cls)
    values, wrong, hints = {}, [], []
    for name, text in given.items():
        key = name.replace("-", "_")
        if key not in known:
            wrong.append(f"{who}: no parameter named {name!r}")
            hints.append(f"its parameters are {', '.join(known) or 'none'}")
            continue
        try:
            values[key] = known[key].from_text(text)
        except FormatError as error:
            wrong.append(f"{who}: {key}: {error}")
            if error.hint:
                hints.append(error.hint)
        except ValueError as error:
            wrong.append(f"{who}: {error}")
    if wrong:
        raise RequestError(wrong, hint="; ".join(dict.fromkeys(hints)) or None)
    return values


def construct(cls: type, given: dict[str, Any], *, who: str) -> Any:
    """The specification with parameters given as texts; raises RequestError with every violation.

    A derived result may be wider than any format that can be asked for. Its name is accepted where
    it is what the other parameters derive, so that what manifests and messages say can be read.
    """
    wide = {}
    for name, parameter in parameters_of(cls).items():
        if parameter.type is Format and parameter.optional and name in given:
            try:
                parameter.from_text(given[name])
            except ValueError:
                wide[name] = given[name]
    if wide:
        try:
            rest = {name: text for name, text in given.items() if name not in wide}
            spec = cls(**parse_parameters(cls, rest, who=who))
        except RequestError:
            pass
        else:
            if all(to_text(getattr(spec, name)) == text for name, text in wide.items()):
                return spec
    return cls(**parse_parameters(cls, given, who=who))


def violations(spec: Any) -> list[str]:
    """Everything wrong with the single parameters of an instance."""
    found = [p.violation(getattr(spec, name)) for name, p in parameters_of(spec).items()]
    return [text for text in found if text]


def to_text(value: Any) -> str:
    """A parameter value as it is written on the command line and in recipes."""
    if isinstance(value, enum.Enum):
        return str(value.value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple) and value and isinstance(value[0], tuple):
        if value[0] and isinstance(value[0][0], tuple):
            return "|".join(to_text(part) for part in value)
        return ";".join(to_text(row) for row in value)
    if isinstance(value, tuple):
        return ",".join(str(item) for item in value)
    return "none" if value is None else str(value)


def _integers(value: Any) -> bool:
    return isinstance(value, tuple) and all(type(item) is int for item in value)


def _from_numpy(path: Path, name: str) -> list[list[int]]:
    """A matrix of integers from a file; raises ValueError."""
    import numpy as np

    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ValueError(f"{name} must be a readable NumPy file, not {path} ({error})") from None
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be a matrix of numbers in {path}")
    return _integer_rows(array, path, name)


def _from_archive(path: Path, name: str, dimensions: int) -> list[Any]:
    """The arrays of so many dimensions in an archive, by name; raises ValueError."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = [archive[key] for key in sorted(archive, key=_natural)]
    except (OSError, ValueError, EOFError, AttributeError, TypeError) as error:
        raise ValueError(f"{name} must be a readable NumPy archive, not {path} ({error})") from None
    chosen = [a for a in arrays if a.ndim == dimensions and a.dtype.kind in "iuf"]
    if not chosen:
        raise ValueError(f"{name} must have arrays of {dimensions} dimensions in {path}")
    if dimensions == 1:
        return [_integer_rows(array[None], path, name)[0] for array in chosen]
    return [_integer_rows(array, path, name) for array in chosen]


def _natural(name: str) -> list[tuple[str, int]]:
    """Sorting key by which W10 comes behind W9."""
    return [(text, int(part or 0)) for text, part in re.findall(r"(\D*)(\d*)", name)]


def _integer_rows(array: Any, path: Path, name: str) -> list[list[int]]:
    import numpy as np

    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ValueError(f"{name} must hold integers in {path}; scale them first")
    return [[int(item) for item in row] for row in array]
