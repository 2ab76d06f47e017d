"""One question to the model: what it says (``task``), how it is sent (``client``), what its answer is worth (``validation``).

Only ``client`` knows the Groq SDK and only ``validation`` knows guardrails; both import them late, because the console
never needs either.
"""
