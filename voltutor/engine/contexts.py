"""Docker's contexts, read as the docker command reads them. docker-py finds none where there is no config.json."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from docker.tls import TLSConfig

DEFAULT = "default"
"""Docker's name for no context: the socket of the machine."""


@dataclass(frozen=True)
class Context:
    """A context's engine: its URL, and where the certificates for it are."""

    url: str
    certificates: Path
    unverified: bool

    def tls(self) -> TLSConfig | None:
        """The certificates as docker-py takes them; None where there are none.

        Raises:
            TLSParameterError: one is missing, or no file.
            OSError: their folder is closed.
        """
        paths = map(self.certificates.joinpath, _CERTIFICATES)
        ca, cert, key = (str(path) if path.exists() else None for path in paths)
        if not (ca or cert or key):
            return None
        pair = (cert, key) if cert and key else None
        return TLSConfig(client_cert=pair, ca_cert=ca, verify=not self.unverified)


def chosen(env: Mapping[str, str]) -> str:
    """The name of the context that was chosen, whether or not it exists; empty where it is the default one
    (docker/cli, cli/command/cli.go, resolveContextName)."""
    name = env.get("DOCKER_CONTEXT") or _current(folder(env))
    return "" if name == DEFAULT else name


def load(name: str, env: Mapping[str, str]) -> Context | None:
    """The context of this name; None where there is none, or it has no engine that can be read."""
    place, key = folder(env) / "contexts", hashlib.sha256(name.encode()).hexdigest()
    try:
        meta = json.loads((place / "meta" / key / "meta.json").read_text(encoding="utf-8"))
        endpoint = meta["Endpoints"]["docker"]
        url, unverified = endpoint["Host"], bool(endpoint.get("SkipTLSVerify"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Context(url, place / "tls" / key / "docker", unverified) if isinstance(url, str) else None


def folder(env: Mapping[str, str]) -> Path:
    """Where the docker command keeps its configuration."""
    named = env.get("DOCKER_CONFIG") or os.environ.get("DOCKER_CONFIG")
    return Path(named) if named else Path(env.get("HOME") or Path.home()) / ".docker"


def _current(place: Path) -> str:
    try:
        return str(
            json.loads((place / "config.json").read_text(encoding="utf-8")).get("currentContext") or ""
        )
    except (OSError, ValueError, AttributeError):  # the docker command says so, and goes on without
        return ""


_CERTIFICATES = ("ca.pem", "cert.pem", "key.pem")
