"""Every query of the booking service."""
