"""Streams on a line of bytes: framing, a serial port, many streams in one."""
