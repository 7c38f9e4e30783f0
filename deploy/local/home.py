"""The state directory: `.kerya/` beside the sources, or wherever KERYA_HOME says."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import StartFailed

HOME = "KERYA_HOME"
_MARK = ".kerya-state"
SOURCES = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Home:
    """Paths of everything one mesh keeps on this machine."""

    root: Path

    @classmethod
    def find(cls, environment: Mapping[str, str] = os.environ) -> "Home":
        named = environment.get(HOME)
        return cls(Path(named).expanduser().resolve() if named else SOURCES / ".kerya")

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets"

    @property
    def lock(self) -> Path:
        return self.root / "run" / "supervisor.lock"

    @property
    def state(self) -> Path:
        """What the supervisor last knew of its components, as JSON."""
        return self.root / "run" / "state.json"

    @property
    def envoy_config(self) -> Path:
        return self.root / "envoy" / "envoy.yaml"

    def engine(self, name: str) -> Path:
        return self.root / "engines" / name

    def is_ours(self) -> bool:
        """True for a directory `prepare` has made, or the default one: the only ones that may be deleted."""
        return (self.root / _MARK).exists() or self.root == SOURCES / ".kerya"

    def prepare(self) -> None:
        """Makes the directory. StartFailed when it holds something that is not ours."""
        if self.root.exists() and any(self.root.iterdir()) and not self.is_ours():
            raise StartFailed(f"{HOME}={self.root} holds other things; name an empty or a new directory")
        self.root.mkdir(parents=True, exist_ok=True)
        (self.root / _MARK).touch()
        for folder in (self.pki, self.secrets, self.lock.parent):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)
