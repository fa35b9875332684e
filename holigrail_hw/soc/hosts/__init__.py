"""Hosts without a processor on the chip, and one for the firmware: frames in, answers out."""
