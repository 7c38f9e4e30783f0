"""The rules of properties: standard library only, no I/O."""
