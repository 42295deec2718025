"""Facts about ``KiloConfig``: what it holds, what it shows, and the client made of it."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import kilo_sdk
from kilo_sdk import (
    CatalogOptions,
    ConfigurationError,
    KiloClient,
    KiloConfig,
    ModelRef,
    Reasoning,
    RetryPolicy,
    Timeouts,
)
from kilo_sdk.config import CredentialStore
from kilo_sdk.config.schema import ARGUMENTS, OPTIONS, TABLES
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.types.reasoning import REASONING_LEVELS

from .conftest import KEY, Home

pytestmark = pytest.mark.anyio

TOML = f"""
api_key = "{KEY}"
base_url = "https://x.example/v1"
organization_id = "org"
default_model = "kilocode/a/b"
feature = "cli"
hedge_after = 2.5
resume = "continue"
max_connections = 3
allow_insecure = true

[reasoning]
max_tokens = 100

[headers]
X-Secret = "hidden"

[timeouts]
idle = 5
total = "none"

[retries]
max_attempts = 1

[catalog]
ttl = 60
disk = "~/models"
"""


def test_every_option_can_stand_in_the_file(home: Home) -> None:
    home.write(home.toml, TOML)
    config = KiloConfig.load()
    assert config == KiloConfig(
        api_key=KEY,
        base_url="https://x.example/v1/",
        organization_id="org",
        default_model=ModelRef("a/b"),
        reasoning=Reasoning(max_tokens=100),
        feature="cli",
        headers={"X-Secret": "hidden"},
        timeouts=Timeouts(idle=5),
        retries=RetryPolicy(max_attempts=1),
        hedge_after=2.5,
        resume="continue",
        catalog=CatalogOptions(ttl=60, disk="~/models"),
        max_connections=3,
        allow_insecure=True,
        sources=config.sources,
    )
    assert config.sources["timeouts.idle"] == f"file {home.toml}, line 19"
    assert config.sources["timeouts.connect"] == "default"
    assert list(config.sources) == list(OPTIONS) == list(config.masked())


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=20
)
SECONDS = st.floats(0.001, 1e6)
VALUES = st.fixed_dictionaries(
    {},
    optional={
        "api_key": st.text("abcXYZ0189-_.=+/", min_size=1, max_size=60).filter(
            lambda key: not key.endswith("...")
        ),
        "organization_id": WORDS,
        "default_model": st.tuples(st.text("ab", min_size=1), WORDS).map("/".join),
        "reasoning": st.sampled_from(REASONING_LEVELS),
        "feature": WORDS,
        "headers": st.dictionaries(st.text("abXY-", min_size=1), WORDS, max_size=3),
        "hedge_after": SECONDS,
        "resume": st.sampled_from(["off", "continue"]),
        "max_connections": st.integers(0, 2**31),
        "allow_insecure": st.booleans(),
        "timeouts": st.dictionaries(
            st.sampled_from([field.name for field in attrs.fields(Timeouts)]), SECONDS
        ),
        "retries": st.fixed_dictionaries({}, optional={"wait_max": SECONDS}),
        "catalog": st.fixed_dictionaries({}, optional={"ttl": SECONDS, "disk": WORDS}),
    },
)


def as_toml(value: Any) -> str:
    """JSON and TOML agree on all of this but the equals sign."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k)} = {as_toml(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


@given(VALUES)
def test_what_is_written_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, Any]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.toml"
    lines = [f"{name} = {as_toml(value)}\n" for name, value in values.items()]
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    config = KiloConfig.load(path=path, env_file=False, openclaw_file=False, credentials=False)
    expected = dict(values)
    if "default_model" in values:
        expected["default_model"] = ModelRef.parse(values["default_model"])
    for table, made in TABLES.items():
        expected[table] = made(**values.get(table, {}))
    assert config == KiloConfig(**expected, sources=config.sources)
    for number, (name, value) in enumerate(values.items(), 1):
        names = [f"{name}.{inner}" for inner in value] if name in TABLES else [name]
        for name in names:
            assert config.sources[name] == f"file {path}, line {number}"


def test_without_anything_it_is_what_a_client_without_arguments_is() -> None:
    config = KiloConfig.load()
    assert config == KiloConfig(sources=config.sources)
    client = KiloClient.from_config(config)
    bare = KiloClient()
    for name in ("base_url", "default_model", "reasoning", "timeouts", "retries"):
        assert getattr(client, name) == getattr(bare, name)


def test_what_anyone_may_see_is_json_without_secrets(home: Home) -> None:
    home.write(home.toml, TOML)
    config = KiloConfig.load()
    shown = json.loads(json.dumps(config.masked()))
    assert shown["api_key"] == "sk-...wxyz"
    assert shown["headers"] == {"X-Secret": "***"}
    assert shown["default_model"] == "kilocode/a/b"
    assert shown["reasoning"] == {"max_tokens": 100}
    assert shown["timeouts.idle"] == 5
    assert shown["timeouts.total"] is None
    for text in (repr(config), str(config), str(config.masked())):
        assert KEY not in text
        assert "hidden" not in text
    assert "sk-...wxyz" in repr(config)
    assert "X-Secret" in repr(config)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60))
def test_no_key_shows_more_than_its_end(key: str) -> None:
    config = KiloConfig(api_key=key)
    rest = repr(KiloConfig(api_key=None)).replace("api_key=None", "")
    shown = repr(config).replace(rest.partition("KiloConfig(")[2], "")
    assert len(shown) <= len("KiloConfig(api_key=sk-...abcd")
    assert config.masked()["api_key"] in repr(config)


def test_a_callable_is_shown_as_one() -> None:
    config = KiloConfig.load(lambda: KEY)
    assert config.masked()["api_key"] == "<callable>"
    assert "<callable>" in repr(config)
    assert KiloConfig().masked()["api_key"] is None


def test_it_copies_and_pickles(home: Home) -> None:
    home.write(home.toml, TOML)
    config = KiloConfig.load()
    assert copy.deepcopy(config) == config
    assert pickle.loads(pickle.dumps(config)) == config


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"timeouts": 5}, "timeouts is a Timeouts object, not int"),
        ({"catalog": 5}, "catalog is a CatalogOptions object, not int"),
        ({"retries": 5}, "retries is a RetryPolicy object, not int"),
        ({"reasoning": "hihg"}, "argument reasoning: 'hihg' is no reasoning level"),
        ({"hedge_after": 0}, "argument hedge_after: hedge_after is a number of seconds above 0"),
        ({"resume": "on"}, "argument resume: resume is 'off' or 'continue'"),
        ({"max_connections": -1}, "argument max_connections: max_connections is 0 or more"),
        ({"default_model": "x"}, "argument default_model: default_model is no model ref"),
    ],
)
def test_an_argument_that_cannot_work_is_named(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        KiloConfig.load(**given)


def test_load_takes_every_argument_that_is_an_option() -> None:
    taken = set(inspect.signature(KiloConfig.load).parameters)
    assert taken == {*ARGUMENTS, "path", "env_file", "openclaw_file", "credentials"}


def test_the_front_has_it_when_it_is_asked_for() -> None:
    assert kilo_sdk.KiloConfig is KiloConfig


# The client


def test_options_are_all_the_client_takes_from_a_configuration(home: Home) -> None:
    home.write(home.toml, TOML)
    options = KiloConfig.load().client_options()
    assert set(options) == ARGUMENTS
    client = KiloClient(**options)
    assert client.base_url == "https://x.example/v1/"
    assert client.timeouts.idle == 5
    assert (client.policy.hedge_after, client.policy.resume) == (2.5, "continue")


async def test_a_client_of_the_configuration_sends_what_it_says(home: Home) -> None:
    async with LocalGateway() as gateway:
        home.write(
            home.toml,
            f"base_url = '{gateway.base_url}'\napi_key = '{KEY}'\norganization_id = 'org'\n"
            "default_model = 'anthropic/claude-sonnet-4'\nfeature = 'cli'\nreasoning = 'high'\n"
            "headers = {X-Team = 'a'}\n",
        )
        async with KiloClient.from_config() as client:
            await client.chat.completions.create(messages="Hi")
        request = gateway.requests[-1]
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["x-kilocode-organizationid"] == "org"
    assert request.headers["x-kilocode-feature"] == "cli"
    assert request.headers["x-team"] == "a"
    assert request.payload["model"] == "anthropic/claude-sonnet-4"
    assert request.payload["reasoning"] == {"effort": "high"}


async def test_overrides_win_and_choose_the_key(home: Home) -> None:
    home.write(home.toml, "default_model = 'a/b'\n[timeouts]\nidle = 5")
    async with LocalGateway() as gateway:
        CredentialStore().save("sk-local", base_url=gateway.base_url)
        async with KiloClient.from_config(
            base_url=gateway.base_url,
            default_model="openai/gpt-4.1",
            reasoning=None,
            timeouts=Timeouts(total=60),
            max_connections=2,
        ) as client:
            await client.chat.completions.create(messages="Hi")
            assert client.timeouts == Timeouts(total=60)
        request = gateway.requests[-1]
    assert request.headers["authorization"] == "Bearer sk-local"
    assert request.payload["model"] == "openai/gpt-4.1"


def test_a_configuration_that_is_given_is_not_read_again(home: Home) -> None:
    home.write(home.toml, "this is no TOML")
    client = KiloClient.from_config(KiloConfig(default_model=ModelRef("a/b")))
    assert client.default_model.id == "a/b"
    other = KiloClient.from_config(KiloConfig(), default_model="c/d", request_middleware=[])
    assert other.default_model.id == "c/d"


def test_the_constructor_alone_reads_no_file(home: Home) -> None:
    home.write(home.toml, "this is no TOML")
    home.write(home.dotenv, "KILOCODE_BASE_URL=https://evil.example/")
    assert KiloClient().base_url == "https://api.kilo.ai/api/gateway/"
