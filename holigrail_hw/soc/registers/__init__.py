"""What a processor sees: the memory map and the control registers, as data and as documents."""
