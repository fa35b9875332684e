"""Numbers inside datapaths, by number system: taken apart, added, multiplied, rounded."""
