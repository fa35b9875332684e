"""Training for hardware: coefficients from a cheap set, evaluated as the hardware computes.

>>> from holigrail_hw.nn.training.coefficients import coefficients
>>> from holigrail_hw.nn.training.retrain import retrained
>>> found = retrained(model, samples, None, coefficients("cost-1", 8), seed=1)

``found.graph`` is an integer graph, ``found.errors`` are the mean square errors before and after.
"""
