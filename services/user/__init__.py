"""Accounts: who people are, how they prove it, and the points they earn."""
