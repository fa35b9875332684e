"""DAIS programs, adder graphs of whole networks as da4ml writes them: read, computed, written."""
