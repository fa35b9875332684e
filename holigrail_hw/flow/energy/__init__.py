"""Energy of an operator before any tool runs."""
