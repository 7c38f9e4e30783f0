"""Every query of the service."""
