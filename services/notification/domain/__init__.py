"""The rules of notifications: standard library only."""
