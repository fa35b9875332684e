"""The self-test shell: an operator that tests itself on a board, and the host's side of it.

A command over the serial line gives a seed and a count. That many items go through the operator at
full speed; a signature register folds all results into 32 bits; the answer carries the signature.
The host computes the same from the golden model. Both sides agree on:

* items: one xorshift generator of 32 bits for every 32 input bits, generator k seeded with
  seed xor k*0x9e3779b9, lowest bit set (Marsaglia, "Xorshift RNGs", 2003);
* signature: the results, in port order, are cut into 32-bit words; word k, rotated left by 7k, is
  added into a multiple-input linear-feedback shift register with the polynomial of CRC-32.

Command, 9 bytes: ``T``, seed, count. Answer, 9 bytes: ``R``, signature, identity. Numbers are 32
bits, lowest byte first; the identity tells a board that holds another design.
"""

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.core.spec import OperatorSpec
from holigrail_hw.core.timing import Timing

__all__ = [
    "ANSWER_BYTES",
    "answer",
    "command",
    "expected_answer",
    "identity",
    "items",
    "shell_timing",
    "signature",
]

ANSWER_BYTES = 9
_COMMAND, _ANSWER = ord("T"), ord("R")
_MASK = 0xFFFFFFFF
_LANE_STEP = 0x9E3779B9
_POLYNOMIAL = 0x04C11DB7


def identity(spec: OperatorSpec) -> int:
    """A 32-bit name of the design: CRC-32 of the operator's name and parameters."""
    text = ",".join([spec.name, *(f"{key}={value}" for key, value in spec.parameters().items())])
    return zlib.crc32(text.encode())


def command(seed: int, count: int) -> bytes:
    """The bytes that start ``count`` items from ``seed``.

    Raises
    ------
    RequestError
        If one of them is not a 32-bit number, or ``count`` is 0.
    """
    wrong = []
    if not 0 <= seed <= _MASK:
        wrong.append(f"self-test: the seed must be between 0 and {_MASK}, not {seed}")
    if not 1 <= count <= _MASK:
        wrong.append(f"self-test: the count must be between 1 and {_MASK}, not {count}")
    if wrong:
        raise RequestError(wrong)
    return bytes([_COMMAND]) + seed.to_bytes(4, "little") + count.to_bytes(4, "little")


def answer(signature: int, identity: int) -> bytes:
    """The bytes a board answers."""
    return bytes([_ANSWER]) + signature.to_bytes(4, "little") + identity.to_bytes(4, "little")


def expected_answer(spec: OperatorSpec, seed: int, count: int, interleave: int = 1) -> bytes:
    """What a board must answer, from the golden model.

    Raises
    ------
    RequestError
        If the golden model allows more than one answer.
    """
    results = spec.reference(items(spec, seed, count), interleave)
    for name, codes in results.items():
        if isinstance(codes, tuple):
            raise RequestError(f"self-test: output {name} must have one right value, not a range")
    return answer(signature(spec, results), identity(spec))


def items(spec: OperatorSpec, seed: int, count: int) -> dict[str, Any]:
    """The operands the shell makes: one array of codes for each input."""
    formats = spec.inputs()
    total = sum(format.width for format in formats.values())
    lanes = [_lane_seed(seed, lane) for lane in range(-(-total // 32))]
    words = []
    for _ in range(count):
        words.append(sum(value << (32 * lane) for lane, value in enumerate(lanes)))
        lanes = [_next(value) for value in lanes]
    result, low = {}, 0
    for name, format in formats.items():
        mask = (1 << format.width) - 1
        dtype = np.uint64 if format.width <= 64 else object
        result[name] = np.array([(word >> low) & mask for word in words], dtype=dtype)
        low += format.width
    return result


def signature(spec: OperatorSpec, results: dict[str, Any]) -> int:
    """The signature of a sequence of results, in the order of ``spec.outputs()``."""
    formats = spec.outputs()
    state = _MASK
    for row in zip(*(np.asarray(results[name]) for name in formats), strict=True):
        word, low = 0, 0
        for code, format in zip(row, formats.values(), strict=True):
            word |= int(code) << low
            low += format.width
        feedback = _POLYNOMIAL if state >> 31 else 0
        state = ((state << 1) & _MASK) ^ feedback ^ _fold(word, low)
    return state


def _lane_seed(seed: int, lane: int) -> int:
    return (seed ^ (lane * _LANE_STEP & _MASK)) | 1


def _next(value: int) -> int:
    value ^= value << 13 & _MASK
    value ^= value >> 17
    return value ^ (value << 5 & _MASK)


def _fold(word: int, width: int) -> int:
    folded = 0
    for lane in range(-(-width // 32)):
        part, turn = (word >> (32 * lane)) & _MASK, 7 * lane % 32
        folded ^= (part << turn | part >> (32 - turn)) & _MASK
    return folded


def shell_timing(timing: Timing, period_ns: float, model: str) -> Timing:
    """The timing request for a board: streamed, and its clock unless something is asked."""
    if timing.period_ns is None and timing.latency is None:
        timing = replace(timing, period_ns=period_ns)
    return replace(timing, shell="stream", wait_cycles=None, device=model)
