"""Which passwords are taken, and how they are hashed (reliability A7)."""

import asyncio

import bcrypt
import pytest

from services.user.domain import passwords
from services.user.domain.errors import PasswordRefused, SignInBusy
from services.user.passwords import HashPool


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("seven77", "TOO_SHORT"),
        ("fourteen chars", "TOO_SHORT"),
        ("password123456", "TOO_SHORT"),
        ("password1234567", "COMMON"),
        ("P@ssw0rd!P@ssw0rd!", "COMMON"),
        ("motdepassemotdepasse", "COMMON"),
        ("qwertyuiopasdfghjkl", "COMMON"),
        ("987654321098765432", "COMMON"),
        ("abababababababababab", "COMMON"),
        ("i love you password", "COMMON"),
        ("keryakeryakerya1!", "CONTEXT"),
        ("my KERYA house 2026", "CONTEXT"),
        ("benali lives in a tree", "CONTEXT"),
        ("orders@somewhere ok", "CONTEXT"),
    ],
)
def test_easy_ones_are_refused(password: str, rule: str) -> None:
    with pytest.raises(PasswordRefused) as refusal:
        passwords.check(password, second_factor=False, personal=("orders@shop.dz", "Lina Benali"))
    assert refusal.value.metadata == {"rule": rule, "minimum": "15"}


@pytest.mark.parametrize(
    "password",
    [
        "a quiet valley of cedars",
        "كلمة سر طويلة جدا هنا",
        "🏔🌊🌾🏜🌅🏕🦊🐪" * 8,
        "onlylettersnodigits",
        "  spaces   are   fine  ",
    ],
)
def test_long_ones_are_taken_whatever_they_are_made_of(password: str) -> None:
    passwords.check(password, second_factor=False, personal=("lina@example.com", "Lina"))


def test_beside_a_second_factor_eight_characters_are_enough() -> None:
    passwords.check("8 of em!", second_factor=True)
    with pytest.raises(PasswordRefused) as refusal:
        passwords.check("7 of em", second_factor=True)
    assert refusal.value.metadata["minimum"] == "8"


@pytest.fixture
def pool() -> HashPool:
    return HashPool(b"pepper" * 6, workers=2)


async def test_hashes_are_argon2id_salted_and_peppered(pool: HashPool) -> None:
    one, two = await pool.hash("a quiet valley"), await pool.hash("a quiet valley")
    assert one != two and one.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await pool.verify(one, "a quiet valley") and not await pool.verify(one, "a quiet valleY")
    assert not await HashPool(b"another" * 5).verify(one, "a quiet valley")
    assert not pool.is_outdated(one)


async def test_one_password_typed_on_two_systems(pool: HashPool) -> None:
    assert await pool.verify(await pool.hash("caf\u00e9 de la gare"), "cafe\u0301 de la gare")


async def test_every_byte_of_a_long_password_counts(pool: HashPool) -> None:
    long = "🏔🌊🌾🏜" * 16
    stored = await pool.hash(long)
    assert len(long.encode()) == 256 and await pool.verify(stored, long)
    assert not await pool.verify(stored, long.encode()[:72].decode())


async def test_bcrypt_of_the_older_house_is_understood_and_outdated(pool: HashPool) -> None:
    stored = bcrypt.hashpw(b"old", bcrypt.gensalt(4)).decode()
    assert await pool.verify(stored, "old") and not await pool.verify(stored, "new") and pool.is_outdated(stored)
    long = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()
    assert await pool.verify(long, "x" * 80)  # that house never saw more of it
    assert not await pool.verify("$2b$04$broken", "old")


async def test_nobodys_password_is_never_right(pool: HashPool) -> None:
    assert not await pool.verify(None, "anything")
    assert not await pool.verify("", "anything")


async def test_more_than_can_wait_are_refused_at_once_and_room_comes_back() -> None:
    pool = HashPool(b"pepper" * 6, workers=1, queue=3)
    answers = await asyncio.gather(*(pool.hash("a quiet valley") for _ in range(10)), return_exceptions=True)
    busy = [answer for answer in answers if isinstance(answer, SignInBusy)]
    assert len(busy) == 6 and busy[0].metadata == {"retry_after_seconds": "1"} and busy[0].retry_after == 1
    assert sum(isinstance(answer, str) for answer in answers) == 4
    assert await pool.hash("a quiet valley")


async def test_callers_who_hang_up_make_no_room_before_their_hash_is_done() -> None:
    pool = HashPool(b"pepper" * 6, workers=1, queue=0)
    gone = asyncio.create_task(pool.hash("a quiet valley"))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    with pytest.raises(SignInBusy):
        await pool.hash("another valley")
    async with asyncio.timeout(5):
        while True:
            try:
                assert await pool.hash("another valley")
                break
            except SignInBusy:
                await asyncio.sleep(0.01)
