"""One intention each, one transaction in one visible place."""
