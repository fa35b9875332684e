"""Windows over an image: what moves over it, as a stream of taps or of whole windows."""
