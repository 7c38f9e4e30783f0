"""What every Kerya service stands on. It knows the contract and no service."""
