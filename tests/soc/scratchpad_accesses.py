"""Random accesses to a scratchpad, compared with an array of bytes."""

import numpy as np

from holigrail_hw.soc.hardware.scratchpad import READ_CYCLES


def accesses(pad, size, grain, count, *, reads_meanwhile=False):
    """A testbench that writes and reads ``count`` times.

    With ``reads_meanwhile`` an address to read is given while something is written, too.
    """
    rng = np.random.default_rng(4)
    model = np.zeros(size, np.uint8)

    async def bench(ctx):
        for _ in range(count):
            at = grain * int(rng.integers(size // grain - 1))
            mask, codes = int(rng.integers(1 << 2 * grain)), rng.integers(0, 256, 2 * grain)
            ctx.set(pad.write, mask)
            ctx.set(pad.write_address, at)
            ctx.set(pad.write_data, int.from_bytes(codes.astype(np.uint8).tobytes(), "little"))
            if reads_meanwhile:
                ctx.set(pad.read_address, int(rng.integers(size)))
            await ctx.tick()
            ctx.set(pad.write, 0)
            for byte in range(2 * grain):
                if mask >> byte & 1:
                    model[at + byte] = codes[byte]
            width, unit = [(2 * grain, grain), (4, 4), (1, 1)][int(rng.integers(3))]
            at = unit * int(rng.integers((size - 2 * grain) // unit + 1))
            ctx.set(pad.read, 1)
            ctx.set(pad.read_address, at)
            await ctx.tick()
            ctx.set(pad.read, 0)
            for _ in range(READ_CYCLES - 1):
                await ctx.tick()
            found = ctx.get(pad.data) & (1 << 8 * width) - 1
            assert found == int.from_bytes(model[at : at + width].tobytes(), "little")

    return bench
