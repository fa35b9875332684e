"""The host's side of a matrix engine: a product of any size as commands, and back.

The same code drives a simulation and a board: all it needs is a link, an object whose
``exchange(items, counts)`` sends items into the engine's streams and returns what comes out.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from holigrail_hw.core import RequestError
from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.link import Link
from holigrail_hw.core.values import codes_of, integers_of, number_array
from holigrail_hw.formats import Format

from .commands import WHY, command_items, empty_command, result_codes
from .facts import split, unsplit
from .operator import Gemm
from .schedule import Command

__all__ = ["GemmHost"]

Encode = Callable[[Any, Format, str], np.ndarray]


class GemmHost:
    """Matrix products on the engine behind a link.

    Attributes
    ----------
    cycles : int
        Of the engine's clock, from the status of an empty command to the last one of the latest
        product: with what the link takes to bring and to fetch items.

    Raises
    ------
    RequestError
        If the link's engine is no ``gemm``.
    """

    def __init__(self, link: Link):
        if not isinstance(link.spec, Gemm):
            raise RequestError(f"gemm host: the engine must be gemm, not {link.spec.name}")
        self._link, self._spec = link, link.spec
        self.cycles = 0

    def multiply(
        self,
        a: Any,
        b: Any,
        *,
        rounding: str | None = None,
        saturate: bool = False,
        **channel: Any,
    ) -> np.ndarray:
        """``a @ b``, M x N, in the engine's result format.

        K is padded with zeros, so is N; M is cut into blocks that fit. A binary factor, which has
        no zero, is padded where the other factor is zero.

        Parameters
        ----------
        a, b : numbers of the formats of activations and weights, M x K and K x N
        rounding : str or None
            A rounding mode for numbers that their format does not hold; None refuses them.
        saturate : bool
            Whether numbers out of range become the smallest or the largest one instead.
        channel : numbers, one for each of the N columns or one for all
            What the engine's stream ``parameter`` holds: ``bias``, ``scale``, ``shift``. They are
            integers, the options are for them too. And one number for each of what its commands
            set: ``zero_point``, ``minimum``, ``maximum``, ``once``.

        Returns
        -------
        array
            int64 where the result is an integer (uint64 for uint64), else as ``decode`` gives it.

        Raises
        ------
        RequestError
            Shapes that do not match, numbers the formats do not hold, sums that are too long.
        DesignError
            The engine reports an error.
        """
        spec = self._spec
        a, b = number_array(a, "gemm host: a"), number_array(b, "gemm host: b")
        wrong = self._wrong_shapes(a, b)
        if wrong:
            raise RequestError(f"gemm host: {wrong}")
        encode = partial(codes_of, rounding=rounding, saturate=saturate)
        (m, k), n = a.shape, b.shape[1]
        commands = split(spec, m, k, n)
        if not commands:
            raise RequestError(f"gemm host: {unsplit(spec, k, n)}")
        deep, wide = -(-k // spec.rows) * spec.rows, commands[0].n_tiles * spec.columns
        left = self._padded("a", spec.activation, a, (m, deep), encode)
        right = self._padded("b", spec.weight, b, (deep, wide), encode)
        settings = self._settings(channel, encode)
        of_channels = {name: given for name, given in channel.items() if name not in settings}
        parameters = self._parameters(of_channels, n, wide, encode)
        blocks, begin, end, start, done = [], self._clock(), 0, 0, 0
        for command in commands:
            part = slice(done, done + command.k_tiles * spec.rows)
            block = left[start : start + command.vectors, part]
            result, end = self._command(command, block, right[part], parameters, settings)
            done = part.stop if command.keep else 0
            if not command.keep:
                start += command.vectors
                blocks.append(result)
        self.cycles = (end - begin) % (1 << spec.cycle_width)
        whole, final = np.concatenate(blocks)[:, :n], spec.final
        if final.codes_are_integers and final.is_integer:
            return integers_of(whole, final)
        return np.asarray(final.decode(whole))

    def _clock(self) -> int:
        """The engine's time: what it says of a command without vectors, which it refuses."""
        items = empty_command(self._spec)
        return int(self._link.exchange(items, {"status": 1})["status"]["cycles"][0])

    def _command(
        self,
        command: Command,
        block: Any,
        weights: Any,
        parameters: Any,
        settings: Mapping[str, int],
    ) -> tuple[np.ndarray, int]:
        """One command: its M x N result codes, if any, and the engine's time at its end."""
        hold = {"resume": command.resume, "keep": command.keep}
        items = command_items(self._spec, block, weights, parameters, settings, **hold)
        m, n_tiles = command.vectors, command.n_tiles
        counts = {"status": 1} if command.keep else {"status": 1, "result": m * n_tiles}
        found = self._exchange(items, counts)
        end = int(found["status"]["cycles"][0])
        if command.keep:
            return np.zeros((0, 0)), end
        return result_codes(self._spec, found["result"], m), end

    def _exchange(self, items: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
        """What the engine makes of a command; an error says what its status says."""
        try:
            found = self._link.exchange(items, counts)
            code = int(found["status"]["code"][0])
            if not code:
                return found
        except DesignError:
            # Results that do not come: a refused command has none.
            code = int(self._link.exchange({}, {"status": 1})["status"]["code"][0])
            if not code:
                raise
        raise DesignError(
            f"gemm host: the engine must report no error, not this one: {WHY[code]}",
            hint="it accepts the next command",
        )

    def _settings(self, given: Mapping[str, Any], encode: Encode) -> dict[str, int]:
        """Codes of what the commands set."""
        codes = {}
        for name, format in self._spec.settings.items():
            number = number_array(given.get(name, []), f"gemm host: {name}")
            if number.size != 1:
                raise RequestError(
                    f"gemm host: {name} must be one number, not of shape {number.shape}"
                )
            codes[name] = int(encode(number.reshape(()), format, f"gemm host: {name}"))
        return codes

    def _parameters(
        self, channel: Mapping[str, Any], n: int, padded: int, encode: Encode
    ) -> dict[str, Any]:
        stream = self._spec.streams().get("parameter")
        fields = {n: f for n, f in stream.fields.items() if n != "last"} if stream else {}
        wrong = sorted(set(channel) ^ set(fields))
        if wrong:
            raise RequestError(
                f"gemm host: {', '.join(fields) or 'no parameter'} must be given for each column,"
                f" not {', '.join(sorted(channel)) or 'nothing'}"
            )
        codes = {}
        for name, format in fields.items():
            given = number_array(channel[name], f"gemm host: {name}")
            if given.shape not in ((), (n,)):
                raise RequestError(
                    f"gemm host: {name} must be one number or {n}, not of shape {given.shape}"
                )
            found = encode(given, format, f"gemm host: {name}")
            codes[name] = np.zeros(padded, found.dtype)
            codes[name][:n] = found
        return codes

    def _padded(
        self, name: str, format: Format, numbers: Any, shape: tuple[int, int], encode: Encode
    ) -> np.ndarray:
        """Codes of a factor, filled up with zeros; with any number where there is no zero."""
        codes = encode(numbers, format, f"gemm host: {name}")
        spare = [(0, whole - given) for given, whole in zip(codes.shape, shape, strict=True)]
        has_zero = self._spec.activation.has_zero or self._spec.weight.has_zero
        if not has_zero and spare[1 if name == "a" else 0][1]:
            raise RequestError(
                f"gemm host: sums of binary factors, which have no zero, must have a multiple of"
                f" {self._spec.rows} products, not {numbers.shape[1 if name == 'a' else 0]}"
            )
        return np.pad(codes, spare, constant_values=int(format.encode(0)))

    def _wrong_shapes(self, a: Any, b: Any) -> str | None:
        if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[0] or not (a.size and b.size):
            return f"a and b must be M x K and K x N, not of shapes {a.shape} and {b.shape}"
        return None
