"""Integers for a model of real numbers, from a few samples of its inputs."""
