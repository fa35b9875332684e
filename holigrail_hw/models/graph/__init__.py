"""The integer graph: what hardware computes, and what it must be equal to."""
