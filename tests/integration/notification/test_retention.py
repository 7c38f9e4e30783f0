"""Notifications are kept for half a year, and their deliveries with them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.chassis.clock import Clock
from services.chassis.database import Database
from services.chassis.ids import new_id
from services.notification.usecases.forget_old import ForgetOld
from tests.integration.notification.stand import Stand


async def keep(stand: Stand, user_id: UUID, age: timedelta) -> None:
    """A notification that was made so long ago, and its delivery."""
    made = datetime.now(UTC) - age
    notification_id = UUID(int=int(made.timestamp() * 1000) << 80 | new_id().int & (1 << 80) - 1)
    await stand.execute(
        'INSERT INTO notification (notification_id, user_id, event_id, kind, "values", created_at)'
        " VALUES (:id, :user, :event, 'WELCOME', '{}', :made)",
        id=notification_id,
        user=user_id,
        event=new_id(),
        made=made,
    )
    await stand.execute(
        "INSERT INTO delivery (delivery_id, notification_id, channel, state, due_at, updated_at)"
        " VALUES (:id, :of, 'EMAIL', 'SENT', :made, :made)",
        id=new_id(),
        of=notification_id,
        made=made,
    )


async def test_old_notifications_go_in_steps_with_their_deliveries_and_younger_ones_stay(stand: Stand) -> None:
    user_id = new_id()
    for days in (179, 181, 200, 300, 400, 5000):
        await keep(stand, user_id, timedelta(days=days))
    database = Database(stand.settings.database_url.get_secret_value())
    try:
        assert await ForgetOld(database, Clock(), batch=2)() == 5
    finally:
        await database.close()
    left = await stand.rows(
        "SELECT now() - created_at AS age FROM notification JOIN delivery USING (notification_id) WHERE user_id = :user",
        user=user_id,
    )
    assert [row.age.days for row in left] == [179]
    assert (await stand.rows("SELECT count(*) AS n FROM delivery WHERE updated_at < now() - interval '180 days'"))[
        0
    ].n == 0
