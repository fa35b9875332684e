"""What goes over the line of a stream link.

The far end is a host with plenty of memory; this end has a queue for each stream that feeds the
design. Both directions carry frames (:mod:`..framing`), which begin with a header: a kind in the
two highest bits and the number of a stream in the others. Sources, which feed the design, and
sinks are numbered separately, from 0. An item takes as many bytes as it needs, lowest first.

======  ================  =================================================================
header  from the host     content
======  ================  =================================================================
0 + n   items             any number of items of source n
0x40    question          a byte of the host's choice; answered by an identity
0x80    reset             like a question; the design and the link are reset before the answer
======  ================  =================================================================

======  ================  =================================================================
header  to the host       content
======  ================  =================================================================
0 + n   items             one or more items of sink n
0x40    identity          ``HG``, version, the host's byte, status, depth (2), digest (8)
0x80+n  credit            how many items the design has taken from queue n (2 bytes)
======  ================  =================================================================

Damaged frames are not repeated. The status of the link becomes non-zero, an identity reports it,
and everything but questions and a reset is dropped: the host starts its job again.
"""

__all__ = [
    "CREDIT",
    "CREDIT_BYTES",
    "DAMAGED",
    "DIGEST_BYTES",
    "IDENTITY",
    "IDENTITY_BYTES",
    "ITEMS",
    "MAGIC",
    "OVERRUN",
    "QUESTION",
    "RESET",
    "STREAMS",
    "UNFINISHED",
    "UNKNOWN",
    "VERSION",
    "item_bytes",
]

ITEMS, QUESTION, RESET, IDENTITY, CREDIT = 0x00, 0x40, 0x80, 0x40, 0x80
MAGIC, VERSION = b"HG", 1
DIGEST_BYTES = 8
IDENTITY_BYTES = len(MAGIC) + 5 + DIGEST_BYTES
STREAMS = 64
CREDIT_BYTES = 2
DAMAGED, OVERRUN, UNKNOWN, UNFINISHED = 1, 2, 3, 4


def item_bytes(width: int) -> int:
    """Bytes that an item of ``width`` bits takes on the line."""
    return -(-width // 8)
