"""`docs/how-to/notify.md` and Slack's manifest: what they say can be pasted."""

import re
from pathlib import Path

import orjson
import pytest
import yaml

from crossfade.resources.annotations import wishes
from crossfade.settings import NotifierSettings
from crossfade.telling import Urgency
from crossfade_notifier.routing import Router

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/how-to/notify.md").read_text()
SETTINGS = re.findall(r"CROSSFADE_NOTIFIER__(\w+)='([^']*)'", PAGE)
NAMES = frozenset({"slack", "slack-webhook", "apprise-team"})


@pytest.mark.parametrize(("field", "value"), SETTINGS, ids=[f for f, _ in SETTINGS])
def test_a_setting_of_the_page_loads(field, value):
    loaded = NotifierSettings.model_validate({field.lower(): orjson.loads(value)})

    assert getattr(loaded, field.lower()) is not None
    Router(loaded.routes, names=NAMES)


def test_every_setting_that_the_page_names_exists():
    named = {name.lower() for name in re.findall(r"CROSSFADE_NOTIFIER__(\w+)", PAGE)}

    assert named <= set(NotifierSettings.model_fields)


def test_the_annotations_of_the_page_can_be_read():
    block = re.search(r"```yaml\n(metadata:.*?)```", PAGE, re.DOTALL)[1]
    asked, wrong = wishes(yaml.safe_load(block)["metadata"]["annotations"])

    assert not wrong
    assert asked.channels == {"slack", "apprise-team"}
    assert asked.events == {"terminal", "approval", "stuck"}
    assert str(asked.quiet[0]) == "22:00–07:00 Europe/Berlin"


def test_the_groups_of_the_page_are_those_of_urgency():
    groups = re.findall(r"^\| `(\w+)` \| `", PAGE, re.MULTILINE)

    assert groups == [urgency.name.lower() for urgency in Urgency]


def test_slacks_manifest_asks_for_what_is_called_and_no_more():
    manifest = yaml.safe_load((ROOT / "deploy/slack/app-manifest.yaml").read_text())

    scopes = ["chat:write", "channels:history", "groups:history"]
    assert manifest["oauth_config"]["scopes"]["bot"] == scopes
    assert manifest["settings"]["socket_mode_enabled"]
    assert manifest["settings"]["interactivity"]["is_enabled"]
