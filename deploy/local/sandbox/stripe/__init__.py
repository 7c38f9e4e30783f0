"""Stripe, as far as Kerya uses it: payment intents, charges, refunds, events, idempotency and signed webhooks."""
