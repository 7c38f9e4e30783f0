"""What one service only asks of another is asked again where an answer got lost; callers learn from the contract what that
is."""

import pytest

from services.chassis.contract import Contract
from services.chassis.rules import MethodRule

CONTRACT = Contract.load()
INTERNAL_READS = [
    rule for rule in CONTRACT.methods.values() if rule.access.internal and rule.name.startswith(("Get", "List"))
]


def test_there_are_some() -> None:
    assert {"GetBookingTerms", "GetContact"} <= {rule.name for rule in INTERNAL_READS}


@pytest.mark.parametrize("rule", INTERNAL_READS, ids=lambda rule: rule.name)
def test_an_internal_read_says_so(rule: MethodRule) -> None:
    assert rule.reads
