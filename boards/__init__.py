"""One file per board: pins, clock, host link, programmer."""
