"""What the edge is measured against: small programs that do the same work in another design."""
