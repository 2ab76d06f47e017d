"""Text for screens, from values: numbers, rates, state sentences, records. Pure."""
