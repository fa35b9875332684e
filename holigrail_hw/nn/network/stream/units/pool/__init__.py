"""The maximum or the sum of every channel over a window, or over taps one after the other."""
