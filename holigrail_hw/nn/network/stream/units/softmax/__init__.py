"""TensorFlow Lite's softmax of 8-bit codes: powers of e, then their shares of the sum."""
