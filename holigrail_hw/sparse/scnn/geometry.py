"""Where a product of a convolution belongs: tiles, borders, and addresses of sums, along each axis.

Input u = x + padding and filter place r meet in output (u - r) / stride, if that is an integer. A
tile of inputs contributes to outputs of its neighbours, its halo. With u = stride*uh + ul and
r = stride*rh + rl the output is uh - rh, and exists if ul = rl, so no division is needed.
"""

from dataclasses import dataclass

__all__ = ["Axis", "Sums"]


@dataclass(frozen=True)
class Axis:
    """One axis of a plane that is cut into equal tiles; outputs are counted within a tile.

    A tile has ``step`` outputs unless the plane ends earlier.
    """

    tile: int
    filter: int
    stride: int
    same: bool
    count: int

    @property
    def padding(self) -> int:
        """Implicit zeros before the first input."""
        return (self.filter - 1) // 2 if self.same else 0

    @property
    def outputs(self) -> int:
        """Outputs of the whole plane; none if the filter is wider than it."""
        size = self.tile * self.count
        if self.same:
            return -(-size // self.stride)
        return max((size - self.filter) // self.stride + 1, 0)

    @property
    def step(self) -> int:
        """Outputs from one tile to the next."""
        return -(-self.tile // self.stride)

    def owned(self, index: int) -> int:
        """Outputs that tile ``index`` delivers."""
        return min(self.step, self.outputs - index * self.step)

    def bounds(self, index: int) -> tuple[int, int]:
        """First and last output that tile ``index`` adds to, halos included."""
        low = -((self.filter - 1 - self.padding) // self.stride)
        high = (self.tile - 1 + self.padding) // self.stride
        first = index * self.step
        return max(low, -first), min(high, self.outputs - 1 - first)

    @property
    def low(self) -> int:
        """The first output that any tile adds to."""
        return min(self.bounds(index)[0] for index in range(self.count))

    @property
    def high(self) -> int:
        """The last one."""
        return max(self.bounds(index)[1] for index in range(self.count))

    @property
    def before(self) -> int:
        """Outputs of the halo before a tile."""
        return -self.low

    @property
    def after(self) -> int:
        """Outputs of the halo after a tile."""
        return max(self.high - self.step + 1, 0)

    @property
    def width(self) -> int:
        """Sums along this axis."""
        return self.high - self.low + 1


@dataclass(frozen=True)
class Sums:
    """Addresses of the sums of one group; output channels are ``plane`` apart.

    The bank is the address modulo the number of banks. Planes are placed so that the products of a
    dense vector, neighbouring inputs with neighbouring output channels, fall into different banks.
    """

    x: Axis
    y: Axis
    filters: int
    weight_lanes: int
    activation_lanes: int

    @property
    def banks(self) -> int:
        """Twice the products of a cycle, rounded up to a power of two."""
        return 1 << (2 * self.weight_lanes * self.activation_lanes - 1).bit_length()

    @property
    def plane(self) -> int:
        """Addresses from one output channel to the next."""
        size = self.x.width * self.y.width
        return size + (self.activation_lanes - size) % self.banks

    @property
    def rows(self) -> int:
        """Sums of a bank."""
        used = (self.filters - 1) * self.plane + self.x.width * self.y.width
        return -(-used // self.banks)

    @property
    def address_width(self) -> int:
        """Bits of an address: the bank, then the row, of at least one bit."""
        return (max(self.rows, 2) * self.banks - 1).bit_length()

    def walks(self, column: int, row: int) -> list[tuple[int, int, int, int, str]]:
        """Walks over the sums of a tile: first address, width, height, distance and side.

        Halos come first: ``distance`` leads to the sum that a neighbour's halo is added to, and
        ``side`` is where that neighbour lies. A corner takes two steps, along x and then along y.
        The last walk is over the tile's own outputs.
        """
        x, y = self.x, self.y
        whole = y.high - y.low + 1
        start = -y.low * x.width
        across = x.step if x.count > 1 else x.width
        found = []
        if x.count > 1:
            found += [(0, x.before, whole, x.step, "right"), (0, x.after, whole, -x.step, "left")]
            found[1] = (x.before + x.step, *found[1][1:])
        if y.count > 1:
            down = y.step * x.width
            found += [
                (x.before, across, y.before, down, "below"),
                (start + down + x.before, across, y.after, -down, "above"),
            ]
        found = [walk for walk in found if walk[1] and walk[2]]
        return [*found, (start + x.before, x.owned(column), y.owned(row), 0, "")]

    def activation_offset(self, x: int, y: int) -> int:
        """An input's contribution to the address."""
        u, v = x + self.x.padding, y + self.y.padding
        return (v // self.y.stride - self.y.low) * self.x.width + u // self.x.stride - self.x.low

    def weight_offset(self, k: int, r: int, s: int) -> int:
        """A weight's contribution to the address; the sum of both wraps at the address width."""
        return k * self.plane - s // self.y.stride * self.x.width - r // self.x.stride
