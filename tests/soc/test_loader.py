"""Loads beside chains of descriptors: the hardware against the executor, cycles, every fault."""



