"""What is asked: coefficients, documents, and what can be wrong with them."""
