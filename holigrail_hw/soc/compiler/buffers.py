"""Where tensors lie: images of pixels with borders, in places that are free while they live.

Borders hold what pixels outside the image stand for, so that windows need no special cases. A
tensor that takes the place of another with the same geometry finds its borders filled already.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from holigrail_hw.soc.descriptors.kinds import Copy

from .layers import Image

__all__ = ["Arena", "Buffer", "Geometry", "Strip", "copied", "strips_of"]

_ALIGNED = 16


@dataclass(frozen=True)
class Geometry:
    """An image in bytes: pixels of ``pitch`` bytes, and borders of pixels that hold ``value``.

    ``border`` is (above, before, below, behind).
    """

    image: Image
    pitch: int
    border: tuple[int, int, int, int] = (0, 0, 0, 0)
    value: int = 0

    @property
    def row_step(self) -> int:
        """Bytes from a row to the next."""
        return (self.border[1] + self.image[1] + self.border[3]) * self.pitch

    @property
    def size(self) -> int:
        """Bytes with borders."""
        return (self.border[0] + self.image[0] + self.border[2]) * self.row_step

    @property
    def inside(self) -> int:
        """Bytes before the first pixel of the image."""
        return self.border[0] * self.row_step + self.border[1] * self.pitch

    @property
    def is_plain(self) -> bool:
        """Whether the codes follow each other without gaps."""
        rows, columns, channels = self.image
        return not any(self.border) and (rows * columns == 1 or self.pitch == channels)


@dataclass(frozen=True)
class Buffer:
    """A geometry at an address."""

    geometry: Geometry
    base: int

    @property
    def first(self) -> int:
        """The address of the first pixel of the image."""
        return self.base + self.geometry.inside

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        return self.base + self.geometry.size

    def pixel(self, row: int, column: int) -> int:
        """The address of a pixel, which may lie in the border."""
        geometry = self.geometry
        return self.first + row * geometry.row_step + column * geometry.pitch


class Arena:
    """Places by first fit, in the order in which tensors come and go.

    Parameters
    ----------
    base : int
        The first address.
    slack : int
        Bytes behind every buffer that may be read, or whose lanes may be counted as written.
    """

    def __init__(self, base: int, slack: int):
        self._base, self._slack = base, slack
        self._live: dict[str, Buffer] = {}
        self._filled: list[Buffer] = []
        self.end = base

    def place(self, name: str, geometry: Geometry, instead: str | None = None) -> Buffer:
        """A place for a tensor, or that of another one that ends here and has the same sizes."""
        old = self._live.get(instead or "")
        if instead is not None and old is not None:
            if replace(old.geometry, value=geometry.value) == geometry:
                del self._live[instead]
                return self._taken(name, Buffer(geometry, old.base))
        for known in self._filled:
            if known.geometry == geometry and self._is_free(known):
                return self._taken(name, known)
        at = self._base
        for one in sorted(self._live.values(), key=lambda b: b.base):
            if at + geometry.size + self._slack <= one.base:
                break
            at = max(at, -(-(one.end + self._slack) // _ALIGNED) * _ALIGNED)
        return self._taken(name, Buffer(geometry, at))

    def _is_free(self, buffer: Buffer) -> bool:
        reach = buffer.end + self._slack
        return all(
            reach <= one.base or one.end + self._slack <= buffer.base for one in self._live.values()
        )

    def _taken(self, name: str, buffer: Buffer) -> Buffer:
        self._live[name] = buffer
        self.end = max(self.end, buffer.end + self._slack)
        self._filled = [
            one
            for one in self._filled
            if one == buffer or one.end <= buffer.base or buffer.end <= one.base
        ]
        return buffer

    def needs_border(self, buffer: Buffer) -> bool:
        """Whether the border must be filled; from now on it is."""
        if not any(buffer.geometry.border) or buffer in self._filled:
            return False
        self._filled.append(buffer)
        return True

    def free(self, name: str) -> None:
        """The tensor is read no more."""
        self._live.pop(name, None)

    @property
    def live(self) -> dict[str, Buffer]:
        """What lives now."""
        return dict(self._live)


@dataclass(frozen=True)
class Strip:
    """Pixels of a border that follow each other, in some rows ``step`` bytes apart."""

    base: int
    pixels: int
    rows: int = 1
    step: int = 0


def strips_of(buffer: Buffer) -> Iterator[Strip]:
    """All pixels around an image, in at most three strips."""
    geometry = buffer.geometry
    rows, columns, _ = geometry.image
    above, before, below, behind = geometry.border
    pitch, step = geometry.pitch, geometry.row_step
    first, last = above * step // pitch + before, below * step // pitch + behind
    if first:
        yield Strip(buffer.base, first)
    if before + behind and rows > 1:
        yield Strip(buffer.first + columns * pitch, before + behind, rows - 1, step)
    if last:
        yield Strip(buffer.end - last * pitch, last)


def copied(source: Buffer, target: Buffer, at: int = 0) -> Copy:
    """All pixels of a tensor, to the first pixels and some channels of another one."""
    rows, columns, channels = source.geometry.image
    a, y = source.geometry, target.geometry
    return Copy(
        nx=channels,
        ny=columns,
        groups=rows,
        a_base=source.first,
        a_step_y=a.pitch,
        a_step_group=a.row_step,
        y_base=target.first + at,
        y_step_y=y.pitch,
        y_step_group=y.row_step,
    )
