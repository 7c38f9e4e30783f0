"""The provider sandbox: one small process that plays the HTTP APIs of the outside companies on a development machine.

Each provider lives in its own package and is handed to `app.build` as a `Provider`; the store, the faults, the webhook
dispatcher and the page are shared. The services talk to it with the adapters they use in production: only the base
URL and the keys differ.
"""
