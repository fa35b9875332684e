"""The units of streaming networks: what each computes and when, and its hardware."""
