"""What the adder-graph tools raise; the operators turn it into a wrong request."""

__all__ = ["GraphError", "MissingPackage"]


class GraphError(ValueError):
    """A graph, an instance or an option that breaks a rule, with a hint on what to do."""

    def __init__(self, message: str, *, hint: str | None = None):
        super().__init__(message)
        self.hint = hint


class MissingPackage(GraphError):
    """An engine whose package is not installed."""
