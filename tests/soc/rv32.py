"""A processor of 32 bits in Python (RISC-V Unprivileged ISA, RV32IM), with devices by address."""

from struct import unpack_from

MASK = (1 << 32) - 1


def signed(value, width=32):
    return value - (1 << width) if value >> (width - 1) & 1 else value


class Processor:
    """Executes until a device raises. ``devices`` are pairs of a base and an object with ``read``
    and ``write`` of (offset, size[, value])."""

    def __init__(self, code, memory, devices):
        self.memory = bytearray(memory)
        self.memory[: len(code)] = code
        self.devices = sorted(devices, key=lambda pair: -pair[0])
        self.registers, self.pc, self.count = [0] * 32, 0, 0

    def read(self, address, size):
        for base, device in self.devices:
            if address >= base:
                return device.read(address - base, size)
        assert address + size <= len(self.memory)
        assert address % size == 0
        return int.from_bytes(self.memory[address : address + size], "little")

    def write(self, address, size, value):
        for base, device in self.devices:
            if address >= base:
                device.write(address - base, size, value)
                return
        assert address + size <= len(self.memory)
        assert address % size == 0
        self.memory[address : address + size] = (value & ((1 << 8 * size) - 1)).to_bytes(
            size, "little"
        )

    def step(self):
        (word,) = unpack_from("<I", self.memory, self.pc)
        self.count += 1
        code, rd = word & 0x7F, word >> 7 & 31
        f3, a, b = word >> 12 & 7, word >> 15 & 31, word >> 20 & 31
        x, y = self.registers[a], self.registers[b]
        immediate = signed(word >> 20, 12)
        after, value = self.pc + 4, None
        match code:
            case 0x37:
                value = word & 0xFFFFF000
            case 0x17:
                value = self.pc + (word & 0xFFFFF000)
            case 0x6F:
                offset = word >> 31 << 20 | (word >> 12 & 0xFF) << 12
                offset |= (word >> 20 & 1) << 11 | (word >> 21 & 0x3FF) << 1
                value, after = after, self.pc + signed(offset, 21)
            case 0x67:
                value, after = after, x + immediate & ~1
            case 0x63:
                offset = word >> 31 << 12 | (word >> 7 & 1) << 11
                offset |= (word >> 25 & 0x3F) << 5 | (word >> 8 & 0xF) << 1
                less = x < y if f3 & 2 else signed(x) < signed(y)
                if ((less if f3 & 4 else x == y) != 0) != (f3 & 1):
                    after = self.pc + signed(offset, 13)
            case 0x03:
                size = 1 << (f3 & 3)
                value = self.read(x + immediate & MASK, size)
                value = value if f3 & 4 else signed(value, 8 * size)
            case 0x23:
                offset = signed(word >> 25 << 5 | word >> 7 & 31, 12)
                self.write(x + offset & MASK, 1 << f3, y)
            case 0x13:
                value = self.operation(f3, x, immediate & MASK, word >> 30 & 1 and f3 == 5)
            case 0x33 if word >> 25 == 1:
                value = self.product(f3, x, y)
            case 0x33:
                value = self.operation(f3, x, y, word >> 30 & 1)
            case 0x0F:
                pass
            case _:
                raise AssertionError(f"instruction {word:08x} at {self.pc:x}")
        if rd and value is not None:
            self.registers[rd] = value & MASK
        self.pc = after & MASK

    def operation(self, f3, x, y, other):
        match f3:
            case 0:
                return x - y if other else x + y
            case 1:
                return x << (y & 31)
            case 2:
                return int(signed(x) < signed(y))
            case 3:
                return int(x < y)
            case 4:
                return x ^ y
            case 5:
                return (signed(x) if other else x) >> (y & 31)
            case 6:
                return x | y
            case _:
                return x & y

    def product(self, f3, x, y):
        match f3:
            case 0:
                return x * y
            case 1:
                return signed(x) * signed(y) >> 32
            case 2:
                return signed(x) * y >> 32
            case 3:
                return x * y >> 32
            case _:
                raise AssertionError("the firmware must not divide")
