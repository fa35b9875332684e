"""Ways to wrap a core: plain ports, streams, buses. Each registers itself."""
