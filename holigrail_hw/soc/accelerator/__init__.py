"""The accelerator as an operator: its sizes, its streams, and jobs for it."""
