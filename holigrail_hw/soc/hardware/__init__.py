"""The hardware of an accelerator around its matrix engine."""
