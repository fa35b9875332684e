"""The operator ``softmax``: its table of exponentials, its hardware."""
