"""What a model file says, operator by operator, in real numbers."""
