"""Arrays of elements that multiply short vectors, dense or structured sparse."""
