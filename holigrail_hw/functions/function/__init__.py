"""The operator ``function``: what is asked, how it is folded and approximated, and its hardware."""
