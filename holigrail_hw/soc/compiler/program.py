"""A compiled network: descriptors, where everything lies, and the image that is loaded.

An image is little endian. Its header of 16 words is the first thing in the scratchpad:

====  ==============================================================================================
word  meaning
====  ==============================================================================================
0     ``HGAI``
1     digest of the machine that it is for
2     bytes of the resident block, header included; a copy of it goes to address 0
3     CRC-32 of the resident block, with this word as 0
4     address of the first descriptor
5     address of the first load, 2^32 - 1 if there is none
6, 7  address and bytes of the input
8, 9  address and bytes of the output
10    classes of the softmax, which the processor computes; 0 if there is none
11    address of the table of powers (int32, by how far a code is below the greatest)
12    entries of that table
13    bytes of the whole image
14    descriptors
15    loads
====  ==============================================================================================

Behind the resident block, a multiple of 64 bytes, comes its CRC-32, so that a load can bring it,
too; then the blocks that loads fetch, each with its CRC-32. Loads have addresses in the flash
memory, where the image begins at ``flash``.
"""

from dataclasses import dataclass
from struct import pack
from zlib import crc32

import numpy as np

from holigrail_hw.core.errors import RequestError
from holigrail_hw.soc.descriptors.kinds import Descriptor, Load
from holigrail_hw.soc.machine import Machine

from .buffers import Buffer
from .layers import Network
from .plans import Step

__all__ = ["FLASH", "HEADER_BYTES", "MAGIC", "Program", "check_image", "header"]

MAGIC = int.from_bytes(b"HGAI", "little")
HEADER_BYTES = 64
FLASH = 1 << 20
"""Where an image begins in the flash memory of a board: behind its bitstream."""
NONE = (1 << 32) - 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Program:
    """What :func:`.compile.compiled` makes.

    Attributes
    ----------
    machine : Machine
    network : Network
    descriptors : tuple of Descriptor
        From address ``start`` on.
    loads : tuple of Load
        From address ``loader_start`` on, which is None if there are none.
    steps : tuple of Step
        Layers with their descriptors.
    buffers : dict
        Where every tensor lies while it lives.
    input, output : (int, int)
        Address and bytes.
    powers : tuple of int
        The table of the softmax, empty if there is none.
    flash : int
        Where the image must begin in the flash memory.
    image : bytes
    resident : int
        Bytes of the image that stay in the scratchpad, from address 0 on.
    used : int
        Bytes of the scratchpad.
    predicted : tuple of int
        Cycles of every descriptor, about.
    """

    machine: Machine
    network: Network
    descriptors: tuple[Descriptor, ...]
    loads: tuple[Load, ...]
    start: int
    loader_start: int | None
    steps: tuple[Step, ...]
    buffers: dict[str, Buffer]
    input: tuple[int, int]
    output: tuple[int, int]
    powers: tuple[int, ...]
    flash: int
    image: bytes
    resident: int
    used: int
    predicted: tuple[int, ...]

    @property
    def cycles(self) -> int:
        """Cycles of a frame without the processor, about."""
        return sum(self.predicted)

    def block_words(self) -> list[int]:
        """The words that loads bring, in their order."""
        found = bytearray()
        for load in self.loads:
            first = load.flash - self.flash
            found += self.image[first : first + load.length + 4 * load.crc]
        return np.frombuffer(found, "<u4").tolist()

    def step_of(self, descriptor: int) -> Step:
        """The step that a descriptor belongs to."""
        return next(s for s in self.steps if s.first <= descriptor < s.first + s.count)


def header(words: dict[int, int]) -> bytes:
    """A header of 16 words, some of which are given."""
    return pack("<16I", *(words.get(at, 0) for at in range(16)))


def sealed(resident: bytes) -> bytes:
    """A resident block with its CRC-32."""
    stated = crc32(resident[:12] + bytes(4) + resident[16:])
    return resident[:12] + pack("<I", stated) + resident[16:]


def check_image(image: bytes, digest: int, who: str = "image") -> None:
    """That an image can run on the accelerator that shows a digest.

    Raises
    ------
    RequestError
        If it is none, is spoilt, or is for another accelerator.
    """
    words = [int.from_bytes(image[4 * n : 4 * n + 4], "little") for n in range(16)]
    if len(image) < HEADER_BYTES or words[0] != MAGIC:
        raise RequestError(f"{who}: it must begin with the header of an image")
    resident, stated = image[: words[2]], image[words[2] : words[2] + 4]
    is_sound = sealed(resident) == resident and pack("<I", crc32(resident)) == stated
    if len(image) != words[13] or not is_sound:
        raise RequestError(f"{who}: its bytes must be those that were compiled; they are spoilt")
    if words[1] != digest:
        raise RequestError(
            f"{who}: it must be for the accelerator with digest {digest:08x}, not {words[1]:08x}",
            hint="compile the network for this accelerator's sizes",
        )
