"""Neural networks as hardware: operators that compute whole networks, and what they need."""
