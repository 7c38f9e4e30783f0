"""One sandbox and one receiver for a module's tests; each test finds both empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from deploy.local.probe import free_ports
from tests.integration.sandbox.stand import SECRET_KEY, WEBHOOK_SECRET, Receiver, Sandbox, eventually, listening


@pytest.fixture(scope="module")
def listener() -> Iterator[Receiver]:
    with listening() as receiver:
        yield receiver


@pytest.fixture
def receiver(listener: Receiver) -> Receiver:
    """The receiver with nothing taken yet."""
    listener.taken.clear()
    listener.answers.clear()
    return listener


@pytest.fixture(scope="session")
def wait() -> Callable[[Callable[[], bool], str], None]:
    return eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, listener: Receiver) -> Iterator[Sandbox]:
    directory = tmp_path_factory.mktemp("sandbox")
    (directory / "stripe_api_key").write_text(SECRET_KEY)
    (directory / "stripe_webhook_secret").write_text(WEBHOOK_SECRET)
    (directory / "sendgrid_api_key").write_text("SG.of_the_tests")
    key = ec.generate_private_key(ec.SECP256R1())
    (directory / "sendgrid_webhook_signing_key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    sandbox = Sandbox(directory, listener.url, free_ports(1)[0])
    sandbox.start()
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def sandbox(running: Sandbox, receiver: Receiver) -> Sandbox:
    """The running sandbox with an empty memory, and a receiver that has taken nothing."""
    assert httpx.post(f"{running.url}/reset").status_code == 200
    receiver.taken.clear()
    return running
