"""Messages of the contract to domain values, and back."""
