"""Settings are a contract: documented by themselves, and a misspelt one stops the start."""

import os

import pytest

from crossfade import settings
from crossfade.errors import Malformed


@pytest.fixture(autouse=True)
def a_clean_environment(monkeypatch):
    for name in [n for n in os.environ if n.startswith("CROSSFADE_") and "_TEST_" not in n]:
        monkeypatch.delenv(name)


def test_the_settings_page_is_as_the_code_says(recorded):
    recorded("docs/reference/settings.md", settings.reference())


def test_every_setting_has_a_sentence():
    for section, field in settings.Settings.model_fields.items():
        assert field.description, section
        for name, setting in type(field.default).model_fields.items():
            assert setting.description, settings.variable(section, name)
            assert setting.description.rstrip().endswith("."), settings.variable(section, name)


def test_a_variable_changes_its_setting(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URL", "nats://elsewhere:4222")
    assert settings.load().bus.url == "nats://elsewhere:4222"


def test_a_misspelt_field_stops_the_start_by_its_name(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__URI", "nats://elsewhere:4222")
    with pytest.raises(Malformed, match=r"CROSSFADE_BUS__URI: .*be CROSSFADE_BUS__URL$"):
        settings.load()


def test_a_field_like_no_other_names_all_of_its_section_and_hides_its_value(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__PASSWORD", "very-secret")
    with pytest.raises(Malformed, match=r"one of CROSSFADE_BUS__URL, .*REPLICAS") as caught:
        settings.load()
    assert "very-secret" not in str(caught.value)


def test_a_misspelt_section_stops_the_start_and_names_the_right_ones(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUSS__URL", "nats://elsewhere:4222")
    with pytest.raises(Malformed, match=r"CROSSFADE_BUSS__URL.*CROSSFADE_BUS\b"):
        settings.load()


def test_a_wrong_value_names_variable_and_what_was_found(monkeypatch):
    monkeypatch.setenv("CROSSFADE_BUS__REPLICAS", "seven")
    with pytest.raises(Malformed, match=r"CROSSFADE_BUS__REPLICAS.*seven"):
        settings.load()


@pytest.mark.parametrize(
    "name", ["NOTIFIER__SLACK_USERS", "COLLECTOR__CONNECT_TO", "CONSOLE__OIDC_GROUPS", "BUS"]
)
def test_a_list_that_is_no_json_names_its_variable_and_what_is_right(monkeypatch, name):
    monkeypatch.setenv(f"CROSSFADE_{name}", "U0123")
    with pytest.raises(Malformed, match=rf"^CROSSFADE_{name}: found no JSON; right would be"):
        settings.load()


def test_secrets_are_not_shown(monkeypatch):
    monkeypatch.setenv("CROSSFADE_NOTIFIER__SLACK_TOKEN", "xoxb-very-secret")
    assert "very-secret" not in repr(settings.load())


def test_an_address_that_nobody_can_post_to_is_refused_and_not_shown(monkeypatch):
    hook = '[{"name": "a", "url": "ftp://token@example.org"}]'
    monkeypatch.setenv("CROSSFADE_NOTIFIER__WEBHOOKS", hook)
    with pytest.raises(Malformed, match=r"WEBHOOKS__0__URL: right is .*https://") as raised:
        settings.load()
    assert "token" not in str(raised.value)
