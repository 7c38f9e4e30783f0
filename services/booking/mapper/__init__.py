"""Between the contract's messages and the domain, total both ways: what cannot be is refused as INVALID_REQUEST."""
