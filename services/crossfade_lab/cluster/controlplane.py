"""A real etcd and kube-apiserver on loopback, started from the folder KUBEBUILDER_ASSETS.

There are no controllers: nothing collects garbage or finalises namespaces.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import ssl
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp

from crossfade.runtime.children import end, spawn
from crossfade_lab.cluster.documents import Client, Document
from crossfade_lab.cluster.kubeconfigs import write_kubeconfig
from crossfade_lab.ports import free_ports

__all__ = ["ControlPlane"]

ADMIN = "admin"
_PROGRAMS = ("kube-apiserver", "etcd")
_GRACE_SECONDS = 3.0  # a server with an open watch sits out its drain: then SIGKILL
_READY_SECONDS = 60.0


class ControlPlane:
    """`async with ControlPlane(users={"crossfade": ()}) as cp:`: a cluster without nodes.

    `users` maps a name to its groups; `admin` (system:masters) is always there. Authorisation
    is RBAC, so an ordinary user can do nothing until a role is bound to it. Everything lies in a
    temporary folder `within` the given one, by default the system's.
    """

    def __init__(
        self,
        users: Mapping[str, Sequence[str]] | None = None,
        assets: Path | None = None,
        within: Path | None = None,
    ) -> None:
        self._groups = {ADMIN: ("system:masters",), **(users or {})}
        self._tokens = {user: secrets.token_hex(16) for user in self._groups}
        self._assets = assets or _assets()
        self._within = within
        self._directory = Path()
        self._port = self._etcd_port = 0
        self._etcd: Process | None = None
        self._server: Process | None = None

    @staticmethod
    def missing() -> str | None:
        """The program that KUBEBUILDER_ASSETS lacks, or None when both are there."""
        folder = _assets()
        absent = [name for name in _PROGRAMS if not os.access(folder / name, os.X_OK)]
        return absent[0] if absent else None

    @property
    def url(self) -> str:
        """Where the API server listens."""
        return f"https://127.0.0.1:{self._port}"

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes that run."""
        running = (self._etcd, self._server)
        return tuple(p.pid for p in running if p is not None and p.returncode is None)

    @property
    def ca(self) -> Path:
        """The certificate that the server's own is signed with."""
        return self._directory / "ca.crt"

    @property
    def tls(self) -> ssl.SSLContext:
        """What a client needs to trust the server."""
        return ssl.create_default_context(cafile=str(self.ca))

    def token(self, user: str = ADMIN) -> str:
        """The user's bearer token; KeyError for a user that was not announced."""
        return self._tokens[user]

    def client(self, user: str = ADMIN) -> Client:
        """A client of the server, not yet open."""
        return Client(self.url, self.token(user), self.tls)

    def kubeconfig(self, user: str = ADMIN, path: Path | None = None) -> Path:
        """A kubeconfig file (mode 0600) for the user, in the temporary folder unless told."""
        target = path or self._directory / f"{user}.kubeconfig"
        return write_kubeconfig(
            target, url=self.url, token=self.token(user), ca=self.ca, user=user
        )

    async def apply(self, *documents: Document) -> list[dict[str, Any]]:
        """The objects as stored; see `Client.apply`."""
        async with self.client() as client:
            return await client.apply(*documents)

    async def __aenter__(self) -> ControlPlane:
        self._directory = Path(tempfile.mkdtemp(prefix="crossfade-cluster-", dir=self._within))
        self._port, self._etcd_port, peer = free_ports(3)
        # Here, because cryptography is dear to import and only a real server needs it.
        from crossfade_lab.cluster.certificates import write_certificates

        try:
            write_certificates(self._directory)
            self._write_tokens()
            self._etcd = await self._start("etcd", _etcd_flags(self._etcd_port, peer))
            await self.start_apiserver()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop_apiserver()
        if self._etcd is not None:
            await end(self._etcd, _GRACE_SECONDS)
        shutil.rmtree(self._directory, ignore_errors=True)

    async def start_apiserver(self) -> None:
        """Start the API server on the same port and wait until it is ready."""
        self._server = await self._start("kube-apiserver", self._server_flags())
        await self._until_ready(self._server)

    async def stop_apiserver(self) -> None:
        """Stop the API server; etcd and with it every object stay."""
        if self._server is not None:
            await end(self._server, _GRACE_SECONDS)
            self._server = None

    async def _start(self, program: str, flags: Sequence[str]) -> Process:
        with (self._directory / f"{program}.log").open("ab") as log:
            return await spawn(
                [str(self._assets / program), *flags],
                env={"PATH": "/usr/bin:/bin", "HOME": str(self._directory), "GOMAXPROCS": "2"},
                cwd=self._directory,
                stdout=log,
                stderr=log,
            )

    def _write_tokens(self) -> None:
        path = self._directory / "tokens.csv"
        path.touch(mode=0o600)
        rows = [
            _token_row(self._tokens[user], user, groups)
            for user, groups in self._groups.items()
        ]
        path.write_text("\n".join(rows) + "\n", encoding="utf-8")

    def _server_flags(self) -> list[str]:
        at = self._directory
        return [
            f"--etcd-servers=http://127.0.0.1:{self._etcd_port}",
            f"--secure-port={self._port}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--cert-dir={at}",
            f"--tls-cert-file={at}/server.crt",
            f"--tls-private-key-file={at}/server.key",
            f"--client-ca-file={at}/ca.crt",
            f"--token-auth-file={at}/tokens.csv",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={at}/sa.key",
            f"--service-account-signing-key-file={at}/sa.key",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            "--anonymous-auth=false",
            "--disable-admission-plugins=ServiceAccount",
            "--endpoint-reconciler-type=none",
        ]

    async def _until_ready(self, server: Process) -> None:
        headers = {"Authorization": f"Bearer {self.token()}"}
        deadline = asyncio.get_running_loop().time() + _READY_SECONDS
        timeout = aiohttp.ClientTimeout(total=2)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            while not await _answers(session, f"{self.url}/readyz", self.tls):
                late = asyncio.get_running_loop().time() > deadline
                if late or server.returncode is not None:
                    raise RuntimeError(
                        f"kube-apiserver did not become ready: {self._log_tail()}"
                    )
                await asyncio.sleep(0.1)

    def _log_tail(self) -> str:
        log = (self._directory / "kube-apiserver.log").read_text(errors="replace")
        return log[-2000:]


def _assets() -> Path:
    return Path(os.environ.get("KUBEBUILDER_ASSETS") or "/nonexistent/kubebuilder-assets")


def _token_row(token: str, user: str, groups: Sequence[str]) -> str:
    return f'{token},{user},{user},"{",".join(groups)}"'


def _etcd_flags(client_port: int, peer_port: int) -> list[str]:
    client, peer = f"http://127.0.0.1:{client_port}", f"http://127.0.0.1:{peer_port}"
    return [
        "--data-dir=etcd",
        "--logger=zap",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


async def _answers(session: aiohttp.ClientSession, url: str, tls: ssl.SSLContext) -> bool:
    try:
        async with session.get(url, ssl=tls) as answer:
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False
