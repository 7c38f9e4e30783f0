"""The points ledger: derived, append-only, balanced, never below zero (reliability B5)."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from kerya.user.v1 import user_pb2
from kerya.user.v1 import user_service_pb2 as users
from services.chassis.ids import from_typeid, new_id
from services.user.domain.errors import PointsInsufficient
from services.user.domain.points import Cause, Transfer
from services.user.jobs import BROKEN_LEDGERS, ProvePoints
from services.user.ports import Work
from tests.integration.user.stand import Person, Stand, refused
from tests.integration.user.working import work_on


async def test_points_are_what_the_entries_come_to(stand: Stand, member: Person) -> None:
    me = from_typeid("user", member.user_id)
    async with work_on(stand) as work:
        for amount in (-30, -20, 5):
            await _move(work, Transfer(me, amount, Cause.SPENT if amount < 0 else Cause.RETURNED, new_id()))
    balance = await member.call(member.users.GetPoints, users.GetPointsRequest())
    assert (balance.user_id, balance.balance, balance.earned, balance.spent) == (member.user_id, 55, 105, 50)
    page = await member.call(member.users.ListPointEntries, users.ListPointEntriesRequest(page_size=3))
    assert [(entry.amount, entry.balance_after) for entry in page.point_entries] == [(5, 55), (-20, 50), (-30, 70)]
    rest = users.ListPointEntriesRequest(page_size=3, page_token=page.next_page_token)
    [first] = (await member.call(member.users.ListPointEntries, rest)).point_entries
    assert (first.amount, first.cause) == (100, user_pb2.PointEntry.EMAIL_VERIFIED)
    other = Person(stand)
    await other.register()
    async with refused("PAGE_TOKEN_INVALID"):
        await other.call(other.users.ListPointEntries, rest)
    assert (await other.call(other.users.GetPoints, users.GetPointsRequest())).balance == 0


async def test_b5_the_same_points_are_spent_once(stand: Stand, member: Person) -> None:
    me = from_typeid("user", member.user_id)
    async with work_on(stand) as work:
        tried = await asyncio.gather(
            *(_move(work, Transfer(me, -30, Cause.SPENT, new_id())) for _ in range(20)), return_exceptions=True
        )
        assert [one for one in tried if one is True] == [True] * 3
        assert {type(one) for one in tried if one is not True} == {PointsInsufficient}
        with pytest.raises(PointsInsufficient) as refusal:
            await _move(work, Transfer(me, -11, Cause.SPENT, new_id()))
        assert refusal.value.metadata == {"balance": "10", "needed": "11"}
        await ProvePoints(work)()
    assert BROKEN_LEDGERS._value.get() == 0


async def test_one_source_moves_points_once(stand: Stand, member: Person) -> None:
    transfer = Transfer(from_typeid("user", member.user_id), 40, Cause.ADJUSTED, new_id())
    async with work_on(stand) as work:
        moved = await asyncio.gather(*(_move(work, transfer) for _ in range(8)))
        assert sorted(moved) == [False] * 7 + [True]
    assert (await member.call(member.users.GetPoints, users.GetPointsRequest())).balance == 140


ENTRY = (
    "INSERT INTO point_entry (entry_id, transfer_id, user_id, amount, sequence, balance_after, created_at)"
    " SELECT gen_random_uuid(), transfer_id, user_id, {amount}, {sequence}, {after}, now()"
    " FROM point_entry WHERE user_id = :me LIMIT 1"
)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE point_entry SET amount = 1000 WHERE user_id = :me",
        "DELETE FROM point_entry WHERE user_id = :me",
        "UPDATE point_transfer SET cause = 'ADJUSTED' WHERE source_id = :me",
        ENTRY.format(amount=-200, sequence=2, after=-100),
        ENTRY.format(amount=50, sequence=1, after=50),
        ENTRY.format(amount=50, sequence=2, after=150),
    ],
    ids=["rewrite", "remove", "rewrite a transfer", "below zero", "twice at one place", "from nowhere"],
)
async def test_the_database_itself_refuses_what_a_ledger_must_not_hold(
    stand: Stand, member: Person, statement: str
) -> None:
    me = from_typeid("user", member.user_id)
    with pytest.raises(DBAPIError):
        async with stand.engine.begin() as connection:
            await connection.execute(sa.text(statement), {"me": me})
    assert (await member.call(member.users.GetPoints, users.GetPointsRequest())).balance == 100


async def _move(work: Work, transfer: Transfer) -> bool:
    async with work.database.write() as tx:
        return await work.repository.points.post(tx, transfer, work.clock.now())
