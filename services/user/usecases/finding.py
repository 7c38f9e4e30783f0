"""What is answered for somebody who is not there."""

from __future__ import annotations

from uuid import UUID

from services.chassis.ids import to_typeid
from services.user.domain.accounts import Account
from services.user.domain.errors import UserNotFound


def require(account: Account | None, user_id: UUID) -> Account:
    """The account. Raises UserNotFound."""
    if account is None:
        raise UserNotFound(user_id=to_typeid("user", user_id))
    return account
