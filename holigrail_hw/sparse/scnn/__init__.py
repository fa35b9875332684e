"""An engine for sparse weights and activations after SCNN (Parashar and others, 2017)."""
