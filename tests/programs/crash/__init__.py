"""Workers killed at chosen moments."""
