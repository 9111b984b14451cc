"""The shell around the rules: it watches, asks `core.decide`, carries out what it answers, and asks again.

No rule about jobs lives here. Handlers feed a queue of keys; one reconciler takes them, whatever their cause.
"""
