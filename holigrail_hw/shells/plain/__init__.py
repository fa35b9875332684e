"""Plain ports: a result ``latency`` cycles after its operands; an engine has its streams."""
