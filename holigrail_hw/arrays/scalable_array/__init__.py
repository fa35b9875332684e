"""Arrays of elements whose precision changes while they run."""
