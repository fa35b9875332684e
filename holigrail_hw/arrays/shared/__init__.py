"""What all arrays share: tiling, delays, occupancy, activity."""
