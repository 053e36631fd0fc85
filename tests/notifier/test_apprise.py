"""Apprise's channels: against a local HTTP server and a local mail server."""

import asyncio
import email
import email.header
import logging
import time
from datetime import UTC, datetime

import pytest
from aiohttp import web
from pydantic import SecretStr

from crossfade.errors import Malformed, Permanent, Unreachable
from crossfade.settings import NotifierSettings
from crossfade.telling import Known, Urgency
from crossfade.testing.runs import IrisRun
from crossfade_notifier.building import build
from crossfade_notifier.channels.apprise import AppriseChannel, Unclear, message, sorted_out
from crossfade_notifier.channels.links import Links
from crossfade_notifier.channels.port import Later, MaybeDone
from crossfade_notifier.outbox import Told

pytest.importorskip("apprise", reason="Apprise is optional: pip install 'crossfade[apprise]'")


# Its e-mail plug-in asks Python for a module that 3.13 has no more, and brings its own there.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Endpoint:
    """Takes JSON; `plan` holds the statuses to answer with, or seconds to say nothing for."""

    def __init__(self):
        self.got = []
        self.plan = []

    async def take(self, request):
        step = self.plan.pop(0) if self.plan else 200
        if step == "hang":
            await asyncio.sleep(2)
        if step in (200, "hang"):
            self.got.append(await request.json())
            return web.Response()
        return web.Response(status=step)


@pytest.fixture
async def endpoint():
    made = Endpoint()
    app = web.Application()
    app.router.add_post("/{tail:.*}", made.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


class MailServer:
    """As much of SMTP (RFC 5321) as a client without TLS needs; `refuse` is a reply to RCPT."""

    def __init__(self):
        self.letters = []
        self.refuse = ""

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.talk, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def talk(self, reader, writer):
        def say(text):
            writer.write(f"{text}\r\n".encode())

        say("220 mail.test ESMTP")
        while line := (await reader.readline()).decode().strip():
            verb = line.split()[0].upper()
            if verb == "RCPT" and self.refuse:
                say(self.refuse)
            elif verb == "DATA":
                say("354 go on")
                self.letters.append((await reader.readuntil(b"\r\n.\r\n")).decode())
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                break
            else:
                say("250 ok")
        writer.close()


def channel(*urls, **changes):
    wanted = {"timeout_seconds": 1.0, "coalesce_seconds": 0.0, "per_second": 100.0}
    return AppriseChannel("apprise-ops", [SecretStr(u) for u in urls], **(wanted | changes))


async def test_start_weights_and_end_are_told_with_title_and_links(world, endpoint):
    made = channel(f"json://127.0.0.1:{endpoint.port}/a", links=Links("http://page.test"))
    notifier = world.notifier(made)
    async with world.running(notifier):
        for event in IrisRun().events():
            await world.feed(notifier, [event])
        await world.until(lambda: any("is promoted" in g["message"] for g in endpoint.got))

    last = endpoint.got[-1]
    assert last["title"] == "ns-production/quickstart-exp: iris-v2 is promoted"
    assert last["type"] == "success"
    assert "live page: http://page.test/experiments/ns-production" in last["message"]
    told = "\n".join(g["message"] for g in endpoint.got)
    assert told.count("is promoted") == 1
    assert "stays at" not in told


async def test_after_a_failure_only_those_are_told_again_that_missed_it(world, endpoint):
    url = f"json://127.0.0.1:{endpoint.port}"
    made = channel(f"{url}/one", f"{url}/two", topics=("winner",))
    endpoint.plan = [503]
    notifier = world.notifier(made)
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: len(endpoint.got) >= 2)
        await asyncio.sleep(0.2)

    assert len(endpoint.got) == 2


async def test_a_refusal_is_an_incident_that_does_not_show_the_address(world, endpoint, caplog):
    caplog.set_level(logging.CRITICAL)
    endpoint.plan = [404] * 9
    notifier = world.notifier(channel(f"json://127.0.0.1:{endpoint.port}/s3cret"))
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events())
        await world.until(lambda: world.publisher.said)

    incident = world.publisher.said[0]
    assert incident.what_happened == "notifications-lost-apprise-ops"
    assert "JSON (URL 1): HTTP 404" in incident.text
    assert "s3cret" not in str(incident)


async def test_an_endpoint_that_does_not_answer_is_tried_again_and_holds_up_nothing(
    world, endpoint
):
    endpoint.plan = ["hang"]
    made = channel(f"json://127.0.0.1:{endpoint.port}", timeout_seconds=0.3)
    notifier = world.notifier(made)
    async with world.running(notifier):
        began = time.monotonic()
        await world.feed(notifier, IrisRun().events())
        assert time.monotonic() - began < 0.3
        await world.until(lambda: any("is promoted" in g["message"] for g in endpoint.got))


async def test_what_stays_unclear_is_given_up_after_some_attempts(world, caplog):
    caplog.set_level(logging.CRITICAL)

    class SaysNo:
        def notify(self, **_):
            return False

    made = channel("json://127.0.0.1:9")
    made.targets[0].sender = SaysNo()
    notifier = world.notifier(made)
    notifier.couriers[0].pace.longest_pause_seconds = 0.01
    notifier.couriers[0].pace.first_pause_seconds = 0.01
    async with world.running(notifier):
        await world.feed(notifier, IrisRun().events(upto=1))
        await world.until(lambda: world.publisher.said)

    assert "given up after 20 attempts" in world.publisher.said[0].text


async def test_e_mail_is_a_letter_with_a_subject(world):
    async with MailServer() as mail:
        url = f"mailto://127.0.0.1:{mail.port}/?from=bot@page.test&to=team@page.test&mode=insecure"
        notifier = world.notifier(channel(url, topics=("rolled-back",)))
        async with world.running(notifier):
            await world.feed(notifier, IrisRun(promoted=False).events())
            await world.until(lambda: mail.letters)

    letter = email.message_from_string(mail.letters[0])
    subject = str(email.header.make_header(email.header.decode_header(letter["Subject"])))
    assert subject == "ns-production/quickstart-exp: Rolled back to iris-v1"
    assert letter["To"].endswith("team@page.test")
    assert len(mail.letters) == 1


async def test_a_mailbox_that_is_not_there_is_not_lost_in_silence(world, caplog):
    caplog.set_level(logging.CRITICAL)
    async with MailServer() as mail:
        mail.refuse = "550 no such mailbox"
        url = f"mailto://127.0.0.1:{mail.port}/?from=bot@page.test&to=nobody@page.test&mode=insecure"
        made = channel(url, topics=("winner",), most_attempts=2)
        notifier = world.notifier(made)
        notifier.couriers[0].pace.first_pause_seconds = 0.01
        async with world.running(notifier):
            await world.feed(notifier, IrisRun().events())
            await world.until(lambda: world.publisher.said)

    assert "E-Mail (URL 1): not delivered" in world.publisher.said[0].text


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Failed to send: Not Found, error=404.", Permanent),
        ("Failed to send: Slow down, error=429.", Later),
        ("Failed to send: Bad Gateway, error=502.", MaybeDone),
        ("A Connection error occurred\nSocket Exception: Read timed out.", MaybeDone),
        ("A Connection error occurred sending JSON", Unreachable),
        ("Connection error while\nSocket Exception: (535, b'who are you')", Permanent),
        ("", Unclear),
    ],
)
def test_what_a_plug_in_says_is_sorted_into_what_a_courier_has_to_know(said, kind):
    assert type(sorted_out("x", said.splitlines())) is kind


def _built(world, **settings):
    made = NotifierSettings.model_validate({"log": False, "apprise": [settings]})
    return build(made, state=world.state, publisher=world.publisher, commander=None)


def test_addresses_come_from_a_file_one_a_line(world, tmp_path):
    file = tmp_path / "urls"
    file.write_text("# the team\njson://127.0.0.1/a\n\n  json://127.0.0.1/b\n")

    made = _built(world, name="team", file=str(file))

    assert made.couriers[0].channel.name == "apprise-team"
    assert len(made.couriers[0].channel.targets) == 2


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"urls": ["nowhere://s3cret"]}, "it begins with 'nowhere'"),
        ({"file": "/no/such/file"}, "/no/such/file, which cannot be read"),
        ({}, "no URL for team"),
    ],
)
def test_what_is_no_address_is_refused_by_field_without_showing_it(world, settings, word):
    with pytest.raises(Malformed, match="CROSSFADE_NOTIFIER__APPRISE") as caught:
        _built(world, name="team", **settings)

    assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_two_channels_of_one_name_are_refused(world):
    twice = {"name": "team", "urls": ["json://127.0.0.1/a"]}
    settings = NotifierSettings.model_validate({"apprise": [twice, twice]})

    with pytest.raises(Malformed, match="apprise-team more than once"):
        build(settings, state=world.state, publisher=world.publisher, commander=None)


@pytest.mark.parametrize("room", [160, 1000, 2000, 16_000])
def test_a_long_story_is_cut_at_its_beginning_and_never_at_its_end(room):
    known = Known(uid="u", namespace="shop", name="cart", stage="Completed", outcome="promoted")
    story = [telling(n, f"{n}/40: " + "all limits held, " * 6) for n in range(40)]
    story.append(telling(41, "new is promoted: it wins", "winner"))
    title, body, _ = message(known, story, Links("http://page.test"), room)

    assert len(title) + len(body) + 1 <= room
    assert "new is promoted: it wins" in body
    assert ("earlier left out" in body) == (room < 16_000)
    assert ("http://page.test/experiments/shop/cart" in body) == (room >= 500)


async def test_a_service_gets_no_more_than_it_takes(world, endpoint):
    url = SecretStr(f"json://127.0.0.1:{endpoint.port}/a")
    channel = AppriseChannel("apprise-team", [url], per_second=100.0)
    channel.targets[0].plugin.body_maxlen = 400  # as of a service for short messages
    notifier = world.notifier(channel)
    await world.feed(notifier, IrisRun().events())
    async with world.running(notifier):
        await world.until(lambda: endpoint.got)

    said = endpoint.got[0]
    assert len(said["title"]) + len(said["message"]) < 400
    assert "is promoted" in said["message"]


def telling(n, text, topic="progress"):
    urgent = Urgency.TERMINAL if topic == "winner" else Urgency.PROGRESS
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Told(n=n, id=f"e{n}", topic=topic, urgency=urgent, text=text, at=at)
