"""One module per kind of model file. Every reader parses itself, and executes nothing it reads."""
