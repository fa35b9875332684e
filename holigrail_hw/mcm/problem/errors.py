"""What the adder-graph tools raise; the operators report it as a wrong request."""

__all__ = ["GraphError", "MissingPackage"]


class GraphError(ValueError):
    """A graph, a problem or an option that breaks a rule, with a hint on what to do."""

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class MissingPackage(GraphError):
    """An engine whose package is not installed."""
