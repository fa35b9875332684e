"""What descriptors have in common: groups of fields, and the way to bytes and back."""

from dataclasses import dataclass, fields
from typing import Any, ClassVar

from holigrail_hw.soc.machine import DESCRIPTOR_BYTES

from .bits import Bits, decoded_fields, encoded_fields

__all__ = [
    "CHECK",
    "CODES",
    "COUNTS",
    "GROUPS",
    "HEAD",
    "OPERATION",
    "READ",
    "STEP_HIGH",
    "STEP_LOW",
    "WINDOW",
    "WRITTEN",
    "Record",
]

OPERATION, CHECK = Bits(0, 0, 4), Bits(15, 0, 8)
STEP_LOW, STEP_HIGH = (0, 16, True), (16, 16, True)
HEAD = {
    "last": Bits(0, 4, 1),
    "interrupt": Bits(0, 5, 1),
    "wait_count": Bits(0, 8, 8),
    "tag": Bits(0, 24, 8),
    "wait": Bits(14, 20, 1),
}
COUNTS = {"nx": Bits(1, 0, 16), "ny": Bits(1, 16, 16)}
CODES = {
    "once": Bits(0, 6, 1),
    "zero_point": Bits(0, 16, 8, True),
    "low": Bits(14, 0, 8, True),
    "high": Bits(14, 8, 8, True),
}
READ = {
    "a_base": Bits(4),
    "a_step_x": Bits(5, *STEP_LOW),
    "a_step_y": Bits(5, *STEP_HIGH),
}
WRITTEN = {
    "y_base": Bits(11),
    "y_step_x": Bits(12, *STEP_LOW),
    "y_step_y": Bits(12, *STEP_HIGH),
}
GROUPS = {
    "groups": Bits(3, 16, 16),
    "a_step_group": Bits(7, *STEP_HIGH),
    "y_step_group": Bits(13, *STEP_HIGH),
}
WINDOW = {
    "fx": Bits(2, 16, 8),
    "fy": Bits(2, 24, 8),
    "a_step_fx": Bits(6, *STEP_LOW),
    "a_step_fy": Bits(6, *STEP_HIGH),
    "valid": Bits(14, 16, 4),
}


@dataclass(frozen=True, kw_only=True)
class Record:
    """``last`` ends a chain; ``interrupt`` raises the line when done; ``tag`` is for people.

    With ``wait`` it starts only once so many loads are done (``wait_count``, modulo 256).
    """

    operation: ClassVar[int] = 0
    places: ClassVar[dict[str, Bits]] = HEAD
    last: int = 0
    interrupt: int = 0
    wait: int = 0
    wait_count: int = 0
    tag: int = 0

    def encode(self) -> bytes:
        """The 64 bytes.

        Raises
        ------
        RequestError
            With one line for every number that does not fit into its field.
        """
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        who = f"descriptor {type(self).__name__.upper()}"
        places = {"operation": OPERATION, **self.places}
        values["operation"] = self.operation
        return encoded_fields(who, places, values, DESCRIPTOR_BYTES // 4, CHECK)

    @classmethod
    def decode(cls, record: bytes) -> Any:
        """The descriptor of such bytes; neither its operation nor its check is looked at."""
        return cls(**decoded_fields(cls.places, record))
