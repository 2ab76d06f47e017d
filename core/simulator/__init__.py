"""Simulate Groq: an ASGI app with real quotas, headers and faults.

The demo, training, tests and a virtual-time harness ask it instead of the real service. It imports no other
room of the house, and importing this package (or its `config`, `options`, `child`, `quota`, `answers` and
`faults` modules) brings in the standard library only; `app` and `server` bring in starlette and uvicorn.
"""
