"""A complete accelerator: a matrix engine with memory, descriptors, compiler, firmware and host."""
