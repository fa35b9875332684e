"""One stream of items into an operator, and one out of it."""
