"""A flash memory at the pins of a reader, edge by edge: commands ABh and EBh of the W25Q series.

It drives a nibble after a falling edge of its clock, and takes one at a rising edge; what it gives
is wrong while it sleeps, or in any other command.
"""

__all__ = ["Flash"]

_WAKE, _READ = 0xAB, 0xEB


class Flash:
    """``data`` stands from address 0 on; memory beyond it is all ones."""

    def __init__(self, data: bytes):
        self.data, self.awake, self.commands = data, False, []
        self.level, self.drives = 0, None
        self._begin()

    def _begin(self):
        self.clocks, self.code, self.address, self.nibbles = 0, 0, 0, 0
        self.drives = None

    def edge(self, selected, level, lines):
        """The levels of the pins now; ``lines`` are the four data lines."""
        if not selected:
            if self.clocks == 8 and self.code == _WAKE:
                self.awake = True
            self._begin()
        elif level and not self.level:
            self._rising(lines)
        elif self.level and not level:
            self._falling()
        self.level = level

    def _rising(self, lines):
        if self.clocks < 8:
            self.code = self.code << 1 | lines & 1
            if self.clocks == 7:
                self.commands.append(self.code)
        elif self.clocks < 14:
            self.address = self.address << 4 | lines
        elif self.clocks < 16:
            assert lines == 0xF, "the mode must not ask for continuous reading"
        self.clocks += 1

    def _falling(self):
        if self.clocks < 20 or self.code != _READ or not self.awake:
            return
        at = self.address + self.nibbles // 2
        byte = self.data[at] if at < len(self.data) else 0xFF
        self.drives = byte & 15 if self.nibbles % 2 else byte >> 4
        self.nibbles += 1

    def cycle(self, ctx, pins):
        """Both halves of the clock cycle that now is; before its end the lines are driven."""
        output, enable = ctx.get(pins.output), ctx.get(pins.enable)
        levels = ctx.get(pins.clock)
        for half in range(2):
            lines = output & enable | ~enable & 15
            self.edge(ctx.get(pins.chip_select), levels >> half & 1, lines)
            if half == 0:
                ctx.set(pins.input, 15 if self.drives is None else self.drives)
