"""Arrays of processing elements and accelerators made of them."""
