"""Ask one question of the model: its words (``task``), its sending (``client``), its answer (``validation``).

Only ``client`` imports the Groq SDK and only ``validation`` guardrails; both import them late, because the console
never needs either.
"""
