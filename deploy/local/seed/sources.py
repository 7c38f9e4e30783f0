"""Where listings come from: the files of a data directory, or the generator."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path

from deploy.local.seed import airbnb, algeria, generated
from deploy.local.seed.listing import Listing

LODGING = "dz_lodging_osm.csv.gz"
COMMUNES = "dz_communes.csv.gz"
SUMMARY = "summary"


def listings(data: Path | None, count: int | None) -> list[Listing]:
    """`count` listings, from every file in turn; all real ones where it is None. More than there are, or no data at all:
    the generator fills up (200 where no count is given)."""
    real = list(islice(_real(data), count)) if data else []
    wanted = count if count is not None else len(real) or 200
    return [*real, *islice(generated.read(), wanted - len(real))]


def found(data: Path | None) -> Path | None:
    """The directory, where it holds listings."""
    return data if data and any(_sources(data)) else None


def _real(data: Path) -> Iterator[Listing]:
    turns = zip_longest(*_sources(data))
    return (listing for listing in chain.from_iterable(turns) if listing is not None)


def _sources(data: Path) -> list[Iterator[Listing]]:
    detailed = [path for path in sorted(data.glob("listings_*.csv.gz")) if SUMMARY not in path.name]
    sources = [airbnb.read(path) for path in detailed]
    if (data / LODGING).is_file() and (data / COMMUNES).is_file():
        sources.insert(0, algeria.read(data / LODGING, algeria.communes(data / COMMUNES)))
    return sources
