"""A trained network as hardware: a model file in, streams of frames and results."""
