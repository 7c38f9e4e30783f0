"""What a stay costs, who has which nights, and what follows from a change. Standard library only."""
