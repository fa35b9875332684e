"""What hardware costs before any tool runs: primitives, and what they take on each device."""
