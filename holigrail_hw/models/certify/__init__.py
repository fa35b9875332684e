"""What was exact: every formula against its form in hardware, over all sums that can occur."""
