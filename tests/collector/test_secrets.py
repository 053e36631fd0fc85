"""Secrets are read one at a time, kept for seconds, and never shown."""

import asyncio
import base64

import pytest
from aiohttp import web
from kubernetes_asyncio import client

from crossfade.errors import Forbidden, Malformed, NotFound, Unreachable
from crossfade.runtime.runs import Runs
from crossfade.settings import ClusterSettings, CollectorSettings
from crossfade.testing import MemoryStore
from crossfade_collector import compose
from crossfade_collector.composing import secret_source
from crossfade_collector.secrets import (
    DirectorySecrets,
    KeptSecrets,
    KubernetesSecrets,
    NoSecrets,
)


def encoded(raw):
    return base64.b64encode(raw).decode()


class TestDirectory:
    async def test_each_file_is_a_key_without_its_last_line_break(self, secrets):
        secrets("ns/creds", token="t\n", username="u")

        found = await DirectorySecrets(secrets.directory).secret("ns", "creds")
        assert found == {"token": "t", "username": "u"}

    async def test_what_is_not_there_is_named(self, secrets):
        with pytest.raises(NotFound, match="secret ns/gone"):
            await DirectorySecrets(secrets.directory).secret("ns", "gone")

    @pytest.mark.parametrize(("namespace", "name"), [("..", "etc"), ("ns", ""), ("ns", "a/b")])
    async def test_no_name_leads_out_of_the_folder(self, secrets, namespace, name):
        with pytest.raises(Malformed):
            await DirectorySecrets(secrets.directory).secret(namespace, name)

    async def test_bytes_that_are_no_text_name_the_key(self, secrets):
        secrets("ns/creds", token="")
        (secrets.directory / "ns/creds/token").write_bytes(b"\xff\xfe")

        with pytest.raises(Malformed, match="key token is not text"):
            await DirectorySecrets(secrets.directory).secret("ns", "creds")


@pytest.fixture
async def cluster(backend):
    """An API server's answers about Secrets, and the adapter that asks it."""

    async def connect():
        return client.ApiClient(client.Configuration(host=backend.url))

    adapter = KubernetesSecrets(connect, timeout_seconds=0.3)
    yield adapter
    await adapter.close()


class TestKubernetes:
    async def test_only_the_named_secret_is_asked_for(self, backend, cluster):
        body = {"kind": "Secret", "apiVersion": "v1", "data": {"token": encoded(b"s3cret")}}
        backend.answers(body)

        assert await cluster.secret("myns", "creds") == {"token": "s3cret"}
        assert [r.path for r in backend.asked] == ["/api/v1/namespaces/myns/secrets/creds"]

    @pytest.mark.parametrize(
        ("status", "error"),
        [(404, NotFound), (403, Forbidden), (401, Forbidden), (500, Unreachable)],
    )
    async def test_a_refusal_is_one_of_our_errors(self, backend, cluster, status, error):
        backend.answers({"kind": "Status", "code": status}, status=status)

        with pytest.raises(error, match="secret myns/creds"):
            await cluster.secret("myns", "creds")

    async def test_a_silent_cluster_is_unreachable(self, backend, cluster):
        async def silent(_request):
            await asyncio.sleep(2)
            return web.Response()

        backend.say = silent
        with pytest.raises(Unreachable):
            await cluster.secret("myns", "creds")

    async def test_what_is_not_base64_names_the_key(self, backend, cluster):
        backend.answers({"kind": "Secret", "data": {"token": "%"}})

        with pytest.raises(Malformed, match="key token is not base64"):
            await cluster.secret("myns", "creds")

    async def test_without_a_cluster_the_secret_is_not_found(self):
        source = secret_source(CollectorSettings(), ClusterSettings())

        with pytest.raises(NotFound, match="no cluster"):
            await source.secret("ns", "creds")


class Counting:
    def __init__(self):
        self.asked = 0

    async def secret(self, namespace, name):
        self.asked += 1
        if name == "gone":
            raise NotFound(f"secret {namespace}/{name} does not exist")
        return {"token": str(self.asked)}


async def test_a_secret_is_kept_for_ten_seconds_and_no_longer():
    source, now = Counting(), [100.0]
    kept = KeptSecrets(source, clock=lambda: now[0])
    read = []
    for now[0] in (100.0, 109.9, 110.0):
        read.append((await kept.secret("ns", "s"))["token"])

    assert read == ["1", "1", "2"]


async def test_a_missing_secret_is_not_asked_for_again_at_once():
    source = Counting()
    kept = KeptSecrets(source)
    for _ in range(3):
        with pytest.raises(NotFound):
            await kept.secret("ns", "gone")

    assert source.asked == 1


async def test_many_secrets_do_not_fill_the_memory():
    kept = KeptSecrets(Counting())
    for i in range(1100):
        await kept.secret("ns", str(i))

    assert len(kept.kept) == 1024


async def test_nothing_kept_shows_a_secret(secrets):
    secrets("ns/creds", token="s3cret")
    kept = KeptSecrets(DirectorySecrets(secrets.directory))
    await kept.secret("ns", "creds")

    assert "s3cret" not in repr(kept)


def test_a_folder_comes_before_the_cluster_and_neither_is_none(tmp_path):
    folder = CollectorSettings(secrets_directory=tmp_path)

    assert isinstance(secret_source(folder, ClusterSettings()), DirectorySecrets)
    assert isinstance(secret_source(CollectorSettings(), ClusterSettings()), KubernetesSecrets)
    assert isinstance(secret_source(CollectorSettings(), None), NoSecrets)


async def test_a_collector_is_composed_from_its_settings():
    store = MemoryStore()
    settings = CollectorSettings(timeout_seconds=2, concurrency=3, round_seconds=7)
    collector = compose(Runs(store), store, settings)

    assert (collector.name, collector.queries.concurrency) == ("collector", 3)
    assert (collector.queries.round_seconds, collector.queries.backends.timeout_seconds) == (
        7,
        2,
    )
    await collector.close()
