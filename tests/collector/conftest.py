"""Back-ends on loopback, documents and a collector whose every collaborator is real."""

import datetime
import ipaddress
import ssl

import orjson
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.collector.builders import START, vector

from crossfade.events import subjects
from crossfade.runtime.runs import Runs
from crossfade.testing import MemoryStore
from crossfade_collector import Broker, Collector
from crossfade_collector.secrets import DirectorySecrets, KeptSecrets
from crossfade_collector.sources.http import HttpBackends
from crossfade_collector.sources.identities import Identities
from crossfade_collector.sources.requests import Requests


class Backend:
    """Answers as `say` tells it to and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.texts = []
        self.say = lambda request: web.json_response(vector(21.5))
        self.port = 0
        self.now = self.most = 0

    async def serve(self, request):
        self.texts.append(await request.text())
        self.asked.append(request)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            said = self.say(request)
            return await said if hasattr(said, "__await__") else said
        finally:
            self.now -= 1

    def answers(self, body, status=200, content_type="application/json"):
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        self.say = lambda _: web.Response(body=raw, status=status, content_type=content_type)

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
async def start_backend():
    runners = []

    async def start(ssl_context=None):
        backend = Backend()
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{anything:.*}", backend.serve)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl_context).start()
        runners.append(runner)
        backend.port = runner.addresses[0][1]
        return backend

    yield start
    for runner in runners:
        await runner.cleanup()


@pytest.fixture
async def backend(start_backend):
    return await start_backend()


@pytest.fixture
def secrets(tmp_path):
    """Writes a secret as files and gives the folder."""

    def write(ref, **keys):
        folder = tmp_path / "secrets" / ref
        folder.mkdir(parents=True, exist_ok=True)
        for key, value in keys.items():
            (folder / key.replace("__", ".")).write_text(value)

    write.directory = tmp_path / "secrets"
    return write


@pytest.fixture
async def a_broker(secrets):
    """Makes brokers with settings of a test's own, and closes them."""
    made = []

    def make(timeout=1.0, connect_to=None, **settings):
        kept = KeptSecrets(DirectorySecrets(secrets.directory))
        requests = Requests(kept, "own", Identities(timeout))
        broker = Broker(requests, HttpBackends(timeout, connect_to or {}), **settings)
        made.append(broker)
        return broker

    yield make
    for broker in made:
        await broker.close()


class Hands:
    """A clock that tests set by hand."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now

    def at(self, seconds):
        self.now = START + datetime.timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def hands():
    return Hands()


@pytest.fixture
def a_run(a_broker, hands):
    """A collector that knows one document, as revision 1 of run `u`."""

    async def make(document, **settings):
        runs, state = MemoryStore(), MemoryStore()
        await runs.put(subjects.document_key("u", 1), orjson.dumps(document.to_json()), 0)
        return Collector(Runs(runs), state, a_broker(**settings), hands)

    return make


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, `metrics.test` and Google, with a server context."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "metrics.test")])
    alternatives = [
        x509.DNSName("metrics.test"),
        x509.DNSName("*.googleapis.com"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    file.write_bytes(pem + private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    return pem.decode(), context
