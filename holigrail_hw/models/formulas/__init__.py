"""How an accumulator becomes a code: each formula as its source defines it, in exact arithmetic."""
