"""`kerya demo`: the booking journey, played over the public API against a running mesh."""
