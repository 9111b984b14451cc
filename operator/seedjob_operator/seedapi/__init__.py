"""The way to the Seed platform: wire models, the one HTTP client, its errors and its budget of requests.

`wire` is all that is on the wire; `client` sends it; `errors` says what can go wrong and what to do about it; `budget`
says when a request may be sent. This room knows nothing of Kubernetes and decides nothing about jobs.
"""
