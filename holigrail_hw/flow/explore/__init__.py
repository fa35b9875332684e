"""Looking at designs: sweeps, reports, descriptions, lists."""
