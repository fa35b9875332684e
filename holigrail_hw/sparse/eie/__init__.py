"""An engine for compressed weights after EIE (Han and others, 2016)."""
