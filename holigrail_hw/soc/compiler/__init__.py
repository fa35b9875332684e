"""From an integer graph to descriptors, parameters, an image, and the cycles that it will take."""
