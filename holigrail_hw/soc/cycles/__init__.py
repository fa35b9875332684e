"""Exactly how many cycles a descriptor takes in the accelerator, if no processor reads beside it."""
