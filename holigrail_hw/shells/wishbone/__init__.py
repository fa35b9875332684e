"""Streams behind the registers of a Wishbone slave."""
