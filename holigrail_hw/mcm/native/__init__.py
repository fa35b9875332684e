"""The searches in C++, compiled where they are used."""
