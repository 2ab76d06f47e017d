"""Format values as text for screens: numbers, rates, state sentences, records. Pure."""
