"""The processor's programme in C: starts chains, waits, computes the softmax, talks to a line."""
