"""The path of an RPC through a server: telemetry, deadline, errors, identity, access, limit, validate, idempotency."""
