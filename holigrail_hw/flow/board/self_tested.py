"""An operator on a board tests itself: seed and count go in, a signature comes out."""

from pathlib import Path
from typing import Any

from holigrail_hw.core.errors import DesignError
from holigrail_hw.core.timing import Timing

from . import self_test
from .board import Board
from .design import Benched
from .serial_port import SerialPort
from .uart_simulation import Exchange, SerialBench

__all__ = ["SelfTested"]

_ANSWER_SECONDS = 5.0


class SelfTested(Benched):
    """The design of :mod:`.self_test`."""

    proof_items = 200

    def shell(self, timing: Timing, divisor: int) -> Any:
        from .self_test_shell import SelfTestShell

        return SelfTestShell(self.spec, timing, divisor)

    def bench(
        self, seed: int, count: int, interleave: int, divisor: int, ports: tuple[str, str, str]
    ) -> tuple[SerialBench, int, str]:
        answer = self_test.expected_answer(self.spec, seed, count, interleave)
        return Exchange(seed, count, answer, divisor, *ports), count, answer.hex()

    def check(
        self, goal: Board, port: Path, timing: Timing, seed: int, count: int
    ) -> tuple[int, str]:
        timing = self.timing(timing, goal)
        interleave = self.spec.interleaved_sums(timing)
        expected = self_test.expected_answer(self.spec, seed, count, interleave)
        with SerialPort(port, goal.baud) as line:
            line.write(self_test.command(seed, count))
            got = line.read(len(expected), _ANSWER_SECONDS + 4 * count / goal.clock_hz)
        if got == expected:
            return count, got.hex()
        if len(got) < len(expected):
            raise DesignError(
                f"flash: {goal.name} must answer {len(expected)} bytes, not {len(got)}",
                hint="is the self-test loaded, and is this its serial port?",
            )
        if got[:1] != expected[:1] or got[5:] != expected[5:]:
            raise DesignError(
                f"flash: {goal.name} must hold the design {expected[5:].hex()},"
                f" not {got[5:].hex()}",
                hint="build and load it with the same operator and parameters",
            )
        raise DesignError(
            f"flash: the signature of {count} items from seed {seed} must be "
            f"{expected[1:5].hex()}, not {got[1:5].hex()}"
        )
