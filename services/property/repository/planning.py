"""Help for PostgreSQL's planner where the values of a query decide how to run it."""

from __future__ import annotations

import json
from typing import Any, Final

from sqlalchemy import Select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.base import Executable
from sqlalchemy.sql.elements import ClauseElement

from services.chassis.database import ReadConnection

# Fetching and sorting as many costs ten milliseconds, and walking an order through more meets a page of them soon.
FEW: Final = 10_000


async def plan_by_values(conn: ReadConnection) -> None:
    """Makes the connection plan every statement for its values.

    A prepared statement gets a plan for any values at its sixth use; but a village and a country, or a rare and a common
    word, need different plans. Once a pooled connection is enough.
    """
    raw = conn.sync_connection
    if raw is not None and not raw.info.get("plans_by_values"):
        await conn.execute(text("SET plan_cache_mode = force_custom_plan"))
        raw.info["plans_by_values"] = True


async def matches_few(conn: ReadConnection, statement: Select[Any]) -> bool:
    """Whether the planner expects few rows.

    It is asked, and not left to choose: it takes conditions for independent of each other and tests of words for cheap,
    and so walks an order through the whole table in search of a rare word, or of a currency that nobody near takes.
    """
    plan = await conn.scalar(Explain(statement))
    found = json.loads(plan) if isinstance(plan, str) else plan
    return bool(found[0]["Plan"]["Plan Rows"] < FEW)


class Explain(Executable, ClauseElement):
    """A statement's plan, as JSON."""

    inherit_cache = False

    def __init__(self, statement: Select[Any]) -> None:
        self.statement = statement


@compiles(Explain, "postgresql")
def _explain(element: Explain, compiler: Any, **options: Any) -> str:
    return "EXPLAIN (FORMAT JSON) " + str(compiler.process(element.statement, **options))
