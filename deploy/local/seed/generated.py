"""Listings made up where no real ones are at hand: any number of them, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.local.seed.algeria import EXTRAS, Chance
from deploy.local.seed.listing import Listing

CITIES = (
    ("Alger", "الجزائر", 36.7538, 3.0588), ("Oran", "وهران", 35.6971, -0.6308),
    ("Constantine", "قسنطينة", 36.3650, 6.6147), ("Annaba", "عنابة", 36.9000, 7.7667),
    ("Béjaïa", "بجاية", 36.7511, 5.0567), ("Tlemcen", "تلمسان", 34.8783, -1.3150),
    ("Ghardaïa", "غرداية", 32.4909, 3.6735), ("Sétif", "سطيف", 36.1911, 5.4137),
    ("Mostaganem", "مستغانم", 35.9311, 0.0892), ("Tamanrasset", "تمنراست", 22.7850, 5.5228),
)  # fmt: skip
KINDS = (
    ("APARTMENT", "Appartement", "شقة"), ("STUDIO", "Studio", "استوديو"), ("HOUSE", "Maison", "منزل"),
    ("VILLA", "Villa", "فيلا"), ("GUEST_HOUSE", "Maison d'hôtes", "دار ضيافة"), ("PRIVATE_ROOM", "Chambre", "غرفة"),
)  # fmt: skip
TRAITS = (
    ("vue sur mer", "تطل على البحر"), ("au calme", "هادئة"), ("au cœur de la ville", "في قلب المدينة"),
    ("avec terrasse", "مع شرفة"), ("près de la gare", "قرب المحطة"), ("dans la vieille ville", "في المدينة العتيقة"),
)  # fmt: skip


def read() -> Iterator[Listing]:
    """Without end."""
    number = 0
    while True:
        yield _listing(number)
        number += 1


def _listing(number: int) -> Listing:
    chance = Chance(f"generated-{number}")
    city, city_ar, latitude, longitude = CITIES[chance.between(0, len(CITIES) - 1)]
    kind, noun, noun_ar = KINDS[chance.between(0, len(KINDS) - 1)]
    trait, trait_ar = TRAITS[chance.between(0, len(TRAITS) - 1)]
    guests = chance.between(1, 8)
    return Listing(
        key=f"generated-{number}",
        host_key=f"generated-{number % 97}",
        title=f"{noun} {trait}, {city} n° {number}",
        description=f"{noun} {trait} à {city}, pour {guests} personnes.\n{noun_ar} {trait_ar} في {city_ar}.",
        kind=kind,
        city=city,
        region=city,
        country_code="DZ",
        other_names=(city_ar,),
        latitude=latitude + chance.between(-400, 400) / 10_000,
        longitude=longitude + chance.between(-400, 400) / 10_000,
        time_zone="Africa/Algiers",
        max_guests=guests,
        bedrooms=max(1, guests // 2),
        beds=guests,
        bathrooms=1 + guests // 5,
        amenities=tuple(extra for extra in EXTRAS if chance.between(0, 2) > 0),
        nightly_price=chance.between(25, 250) * 100,
        currency="DZD",
        min_nights=chance.between(1, 3),
        max_nights=90,
        instant_book=chance.between(0, 3) > 0,
    )
