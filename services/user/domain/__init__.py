"""The rules of accounts: standard library only."""
