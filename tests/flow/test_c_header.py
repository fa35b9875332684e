"""The C header of a Wishbone slave: compiled, and used by a C program that moves items."""

import random
import re
import shutil
import subprocess

import numpy as np
import pytest
from bus_host import on_the_bus
from sample_engines import Repeat

from holigrail_hw.arith.mac.operator import Mac
from holigrail_hw.core import Timing, find, operators
from holigrail_hw.core.shelled import shelled
from holigrail_hw.formats import parse
from holigrail_hw.shells.wishbone.c_header import header
from holigrail_hw.shells.wishbone.shell import Wishbone

BUS = Timing(shell="wishbone")
FLAGS = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-pedantic", "-Wconversion"]
COMPILER = shutil.which("gcc") or "cc"

# Fields of 12 and 21 bits do not fit one word together; a sum of 37 bits takes two.
MAC = Mac(a=parse("int12"), b=parse("int21"), accumulator=parse("int37"))
PROGRAM = r"""
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include "TOP.h"

#define PUT(f, v) words[TOP_FIELD_##f##_OFFSET / 4u] |= \
    ((uint32_t)(v) & TOP_FIELD_##f##_MASK) << TOP_FIELD_##f##_SHIFT

int main(int count, char **given)
{
    uint32_t words[TOP_BYTES / 4u] = {0};
    uint32_t first, place;
    if (count == 5) { /* the accesses that write one item */
        PUT(I_A, strtol(given[1], NULL, 10));
        PUT(I_B, strtol(given[2], NULL, 10));
        PUT(I_CLEAR, strtol(given[3], NULL, 10));
        PUT(I_ENABLE, strtol(given[4], NULL, 10));
        first = TOP_REGISTER_I_DATA / 4u;
        for (place = first; place < first + TOP_REGISTER_I_WORDS; place++)
            printf("%" PRIu32 " %" PRIu32 "\n", 4u * place, words[place]);
    } else if (count == 1) { /* the accesses that read one */
        first = TOP_REGISTER_O_DATA;
        for (place = 0; place < TOP_REGISTER_O_WORDS; place++)
            printf("%" PRIu32 "\n", first + 4u * place);
    } else { /* what was read, as a number */
        uint64_t code = strtoul(given[1], NULL, 10);
        uint64_t sign = (uint64_t)1 << (TOP_FIELD_O_RESULT_WIDTH - 1u);
        code |= (uint64_t)(strtoul(given[2], NULL, 10) & TOP_FIELD_O_RESULT_MASK) << 32;
        if (TOP_FIELD_O_RESULT_SIGNED) code = (code ^ sign) - sign;
        printf("%" PRId64 "\n", (int64_t)code);
    }
    return TOP_FIELD_O_RESULT_WORDS == TOP_REGISTER_O_WORDS ? 0 : 1;
}
"""


def compiled(folder, top, text, source):
    """A program that includes the header of the module ``top``."""
    (folder / f"{top}.h").write_text(text)
    source = source.replace("TOP.h", f"{top}.h").replace("TOP_", f"{top.upper()}_")
    (folder / "main.c").write_text(source)
    words = [COMPILER, *FLAGS, "-o", "program", "main.c"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "program"


def run(program, *words):
    done = subprocess.run([program, *map(str, words)], capture_output=True, text=True, check=True)
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def test_a_c_program_moves_items(tmp_path):
    """It says what to write and where, and what the words mean that were read."""
    view = shelled(MAC, BUS)
    assert isinstance(view, Wishbone)
    program = compiled(tmp_path, "dut", header("dut", view), PROGRAM)
    rng = random.Random(5)
    extremes = [(-2048, -(1 << 20)), (2047, (1 << 20) - 1), (-1, 1), (0, 0), (-2048, (1 << 20) - 1)]
    rows = [(*pair, 0, 1) for pair in extremes]
    for _ in range(12):
        pair = rng.randrange(-2048, 2048), rng.randrange(-(1 << 20), 1 << 20)
        rows.append((*pair, int(rng.random() < 0.2), int(rng.random() < 0.8)))
    reads = [offset for (offset,) in run(program)]
    found = []

    async def play(master, ctx):
        for row in rows:
            for offset, word in run(program, *row):
                assert offset % 4 == 0 and await master.access(offset // 4, word) is not None
            words = [await master.access(offset // 4) for offset in reads]
            # The mask leaves what is not the field out, whatever a bus puts there.
            noise = rng.getrandbits(27) << 5
            found.append(run(program, words[0], words[1] | noise)[0][0])

    on_the_bus(play, view)
    widths = [format.width for format in MAC.inputs().values()]
    codes = {
        name: np.array([row[place] % (1 << widths[place]) for row in rows], np.uint64)
        for place, name in enumerate(MAC.inputs())
    }
    sums = MAC.golden(**codes)["result"].astype(object)
    assert found == [int(code) - (1 << 37) * (int(code) >> 36) for code in sums]
    assert min(found) < 0 < max(found)


def test_a_wrong_shift_is_noticed(tmp_path):
    view = shelled(MAC, BUS)
    text = header("dut", view)
    wrong = text.replace("DUT_FIELD_I_CLEAR_SHIFT 21u", "DUT_FIELD_I_CLEAR_SHIFT 22u")
    assert wrong != text
    right, other = (
        run(compiled(folder, "dut", version, PROGRAM), 1, 2, 1, 0)
        for folder, version in ((tmp_path, text), (tmp_path, wrong))
    )
    assert right != other


def test_every_operator(tmp_path):
    """Each header compiles, no two of its names are the same, and every field is in it."""
    includes, total = [], 0
    for name in operators():
        spec = find(name)()
        view = shelled(spec, BUS)
        text = header(name.replace("-", "_"), view)
        names = re.findall(r"^#define (\w+)", text, re.M)
        assert len(set(names)) == len(names)
        fields = sum(len(kind.fields) for kind in view.streams().values())
        assert text.count("_WIDTH ") == fields > 0
        values = re.findall(r"^#define \w+ (\w+)$", text, re.M)
        assert len(values) == len(names) - 1 and all(int(v.rstrip("u"), 0) >= 0 for v in values)
        (tmp_path / f"{name}.h").write_text(text)
        includes.append(f'#include "{name}.h"\n' * 2)
        uses = " | ".join(f"(uint64_t)({one})" for one in names if not one.endswith("_H"))
        includes.append(f"uint64_t use_{len(includes)}(void) {{ return {uses}; }}\n")
        total += fields
    assert total > 100
    source = "#include <stdint.h>\n" + "".join(
        f"{line}" if line.startswith("#") else f"{line.split('(')[0]}(void);\n{line}"
        for line in includes
    )
    (tmp_path / "all.c").write_text(source)
    words = [COMPILER, *FLAGS, "-c", "-o", "all.o", "all.c"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("spec", [Repeat(width=40), MAC])
def test_the_same_request_gives_the_same_header(spec):
    texts = {header("top", shelled(spec, BUS)) for _ in range(3)}
    assert len(texts) == 1
