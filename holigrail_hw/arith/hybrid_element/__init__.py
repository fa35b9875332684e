"""A processing element of floats and integers, with pipes of their own or one for both."""
