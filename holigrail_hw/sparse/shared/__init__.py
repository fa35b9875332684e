"""What the sparse engines share."""
