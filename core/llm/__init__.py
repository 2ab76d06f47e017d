"""One question to the model: its words (``task``), its sending (``client``), the answer's worth (``validation``).

Only ``client`` knows the Groq SDK and only ``validation`` knows guardrails; both import them late, because the console
never needs either.
"""
