"""How many cycles a descriptor takes in the accelerator, exactly: its control, cycle by cycle."""
