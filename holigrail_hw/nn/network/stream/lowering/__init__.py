"""From an integer graph to layers, and from layers to units."""
