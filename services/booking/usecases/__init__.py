"""One intention each."""
