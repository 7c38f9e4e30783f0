"""The path of an RPC through a server: telemetry, errors, deadline, identity, access, limit, validate, idempotency, owner.

Errors stand outside the deadline, so that a deadline that passes is rendered like every other refusal.
"""
