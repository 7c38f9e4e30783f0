"""The property service: what hosts let, and the search over it."""
