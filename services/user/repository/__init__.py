"""Every query of the user service. Personal columns are sealed and opened here, and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass

from services.user.repository.accounts import Accounts
from services.user.repository.api_keys import ApiKeys
from services.user.repository.erasure import Erasure
from services.user.repository.guards import Guards
from services.user.repository.points import Points
from services.user.repository.sealing import Sealer
from services.user.repository.sessions import Sessions
from services.user.repository.verifications import Verifications


@dataclass(frozen=True)
class Repository:
    """The queries, by what they are about."""

    accounts: Accounts
    sessions: Sessions
    verifications: Verifications
    guards: Guards
    api_keys: ApiKeys
    points: Points
    erasure: Erasure

    @classmethod
    def sealed_by(cls, sealer: Sealer) -> Repository:
        """The queries, with personal columns sealed by `sealer`."""
        return cls(
            accounts=Accounts(sealer),
            sessions=Sessions(sealer),
            verifications=Verifications(sealer),
            guards=Guards(sealer),
            api_keys=ApiKeys(),
            points=Points(),
            erasure=Erasure(),
        )
