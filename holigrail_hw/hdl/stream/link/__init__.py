"""Many streams of items over one line of bytes in each direction."""
