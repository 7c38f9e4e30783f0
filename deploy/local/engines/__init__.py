"""The engines from wheels: no root, no container. Each module's `start` returns what stops it."""
