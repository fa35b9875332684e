"""Values of elementary functions in integer arithmetic, each with a bound on its error."""
