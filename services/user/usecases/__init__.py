"""One intention each, with its transaction in one visible place."""
