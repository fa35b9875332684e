"""Certificates checked again, by integers alone; nothing here is shared with what makes them."""
