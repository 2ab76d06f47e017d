"""Ask one question of the model: its words (``task``), its sending (``client``), its answer (``validation``).

Only ``client`` knows the Groq SDK and only ``validation`` knows guardrails; both import them late, because the console
never needs either.
"""
