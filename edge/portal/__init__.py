"""What the edge says about itself: its OpenAPI description, its health, and a page for people."""
