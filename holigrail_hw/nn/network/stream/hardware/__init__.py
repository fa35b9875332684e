"""What stands between and around the units."""
