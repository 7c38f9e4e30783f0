"""Settings of the booking service: the environment, `KERYA_<FIELD>`."""

from __future__ import annotations

from pydantic import Field

from services.chassis.settings import ChassisSettings


class Settings(ChassisSettings):
    """What the booking service needs beside the chassis' own."""

    stripe_base_url: str = Field(
        "https://api.stripe.com", description="Where Stripe's API is; the sandbox's address locally."
    )
    stripe_publishable_key: str = Field(
        "pk_test_kerya", description="Stripe's public key, handed to clients with each payment."
    )
    quote_lifetime: float = Field(900.0, gt=0, description="Seconds a quote can be booked for.")
    hold_lifetime: float = Field(900.0, gt=0, description="Seconds that nights are held while a booking is being paid.")
    max_open_holds: int = Field(10, ge=1, description="Unpaid bookings one client may hold at once.")
