"""The plan: a datapath as named steps, scheduled into cycles, and the hardware made of it."""
