"""From a file's operators in real numbers to integers and what they stand for."""
