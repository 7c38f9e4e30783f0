"""Every query of the notification service."""
