"""Formats of a network with a proved bound on what they change, over a box of inputs."""
