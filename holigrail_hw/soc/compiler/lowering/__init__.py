"""From the nodes of an integer graph to layers of the accelerator; what it cannot do is named."""
