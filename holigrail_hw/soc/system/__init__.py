"""An accelerator with a processor: bus, memory of the firmware, serial line, timer."""
