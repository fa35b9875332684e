"""Descriptors carried out on an array of bytes: what hardware must leave in the scratchpad."""
