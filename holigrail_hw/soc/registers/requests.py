"""Operations of a request to an accelerator over its streams, as hosts and hardware number them."""

__all__ = ["PROFILE", "READ", "START", "WRITE"]

READ, WRITE, START, PROFILE = range(4)
