"""The composition root of the user service."""

from __future__ import annotations

from kerya.user.v1 import auth_service_pb2_grpc, user_service_pb2_grpc
from services.chassis.jobs import Job
from services.chassis.service import Chassis, Service
from services.user import jobs, mapper
from services.user.passwords import WORKERS, HashPool
from services.user.ports import Hasher, Work
from services.user.repository import Repository
from services.user.repository.sealing import Sealer
from services.user.servicer import AccountCases, AuthCases, AuthServicer, UserServicer
from services.user.settings import Settings
from services.user.tokens import RefreshChain, Signer
from services.user.usecases import (
    api_keys,
    emails,
    guarding,
    ledger,
    passwords,
    profiles,
    second_factor,
    sending,
    sessions,
)
from services.user.usecases.login import Login
from services.user.usecases.register import Register


async def build(chassis: Chassis, settings: Settings) -> Service:
    """Puts the service together."""
    repository = Repository.sealed_by(Sealer(chassis.cipher, chassis.blind_index))
    work = Work(chassis.database, repository, chassis.outbox(mapper.event), chassis.clock)
    pepper = chassis.secrets.read_key("password_pepper.key")
    hasher = HashPool(pepper, workers=settings.password_workers or WORKERS, queue=settings.password_queue)
    signer = Signer(chassis.secrets.read("jwt_signing_key.pem"))
    # What they do not override yet answers UNIMPLEMENTED by their generated base.
    auth = AuthServicer(  # type: ignore[abstract]
        _auth_cases(work, hasher, signer, RefreshChain(pepper)),
        chassis.paging,
        lambda: chassis.secrets.read("jwks.json"),
    )
    users = UserServicer(_account_cases(work), chassis.paging)  # type: ignore[abstract]
    return Service(
        servicers=[
            (auth_service_pb2_grpc.add_AuthServiceServicer_to_server, auth),
            (user_service_pb2_grpc.add_UserServiceServicer_to_server, users),
        ],
        jobs=[
            Job("erase-deleted-accounts", every=jobs.ERASE_EVERY, run=jobs.EraseDeletedAccounts(work)),
            Job("prove-points", every=jobs.PROVE_EVERY, run=jobs.ProvePoints(work)),
        ],
    )


def _auth_cases(work: Work, hasher: Hasher, signer: Signer, chain: RefreshChain) -> AuthCases:
    attempts = guarding.Guarding(work)
    confirm = guarding.ConfirmPassword(work, attempts, hasher)
    factor = second_factor.CheckSecondFactor(work)
    open_session = sessions.OpenSession(work, signer, chain)
    end_sessions = sessions.EndSessions(work)
    send = sending.SendEmail(work)
    return AuthCases(
        register=Register(work, hasher, open_session, send),
        login=Login(work, attempts, hasher, factor, open_session),
        refresh=sessions.Refresh(work, signer, chain),
        logout=sessions.Logout(work, end_sessions),
        list_sessions=sessions.ListSessions(work),
        delete_session=sessions.DeleteSession(work),
        verify_email=emails.VerifyEmail(work),
        request_email_verification=emails.RequestEmailVerification(work, send),
        request_email_change=emails.RequestEmailChange(work, confirm, send),
        issue_email_token=sending.IssueEmailToken(work),
        request_password_reset=passwords.RequestPasswordReset(work, send),
        reset_password=passwords.ResetPassword(work, hasher, end_sessions),
        change_password=passwords.ChangePassword(work, hasher, confirm, end_sessions),
        enroll_totp=second_factor.EnrollTotp(work, confirm),
        confirm_totp=second_factor.ConfirmTotp(work, attempts),
        disable_totp=second_factor.DisableTotp(work, attempts, confirm, factor),
        create_api_key=api_keys.CreateApiKey(work, confirm),
        list_api_keys=api_keys.ListApiKeys(work),
        delete_api_key=api_keys.DeleteApiKey(work),
        exchange_api_key=api_keys.ExchangeApiKey(work, signer),
    )


def _account_cases(work: Work) -> AccountCases:
    return AccountCases(
        get=profiles.GetUser(work),
        update=profiles.UpdateMe(work),
        delete=profiles.DeleteMe(work, sessions.EndSessions(work)),
        points=ledger.GetPoints(work),
        point_entries=ledger.ListPointEntries(work),
    )
