"""How much hardware every layer gets, for a rate or within a budget."""
