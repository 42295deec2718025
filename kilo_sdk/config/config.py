"""``KiloConfig``: what was configured, and where each value comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import attrs

from kilo_sdk.catalog.options import CatalogOptions
from kilo_sdk.config.api_keys import mask
from kilo_sdk.config.credentials import CredentialStore
from kilo_sdk.config.loading import FileChoice, resolve
from kilo_sdk.config.schema import ARGUMENTS, OPTIONS, TABLES
from kilo_sdk.middleware.auth import TokenSource
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.policy import ResumeOption
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.settings import DEFAULT_BASE_URL, DEFAULT_FEATURE, DEFAULT_MODEL, of_class
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.params import ReasoningOption
from kilo_sdk.types.reasoning import Reasoning

__all__ = ["KiloConfig", "client_arguments"]


def _shown_key(api_key: object) -> str:
    if api_key is None:
        return "None"
    return mask(api_key) if isinstance(api_key, str) else "<callable>"


def _shown_headers(headers: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: ***" for name in headers) + "}"


@attrs.frozen(slots=True, kw_only=True)
class KiloConfig:
    """Settings for ``KiloClient``, from ``KiloConfig.load()``.

        config = KiloConfig.load()
        async with KiloClient.from_config(config) as client:
            ...

    A repr shows no key and no header's value.

    Attributes:
        api_key: The key, or a callable that was given in its place; None is anonymous.
        base_url: Where calls go; ends in a slash.
        organization_id: Organisation context, or None.
        default_model: The model of calls that name none.
        reasoning: The level or object of calls that bring none, or None.
        feature: App attribution.
        headers: Headers of every request.
        timeouts: The five clocks.
        retries: How often and how patiently to try.
        hedge_after: Seconds without output after which a call is sent once more; None for never.
        resume: What is done about a stream that was cut.
        catalog: How long the model list is kept, and where.
        max_connections: Most connections open at once; 0 for no limit.
        allow_insecure: Whether a key may go over plain http to another machine.
        sources: Where each value comes from, in words, by the name of the option:
            ``sources["api_key"]`` is ``environment variable KILOCODE_API_KEY`` or
            ``file /home/me/.config/kilo-sdk/config.toml, line 3``, ``sources["timeouts.idle"]``
            is ``default``. Empty where the object was not made by ``load()``.
        warnings: What is wrong with a source without being in the way, a sentence each.
    """

    api_key: str | TokenSource | None = attrs.field(default=None, repr=_shown_key)
    base_url: str = DEFAULT_BASE_URL
    organization_id: str | None = None
    default_model: ModelRef = ModelRef(DEFAULT_MODEL)  # noqa: RUF009 - frozen
    reasoning: ReasoningOption = None
    feature: str = DEFAULT_FEATURE
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=_shown_headers)
    timeouts: Timeouts = attrs.field(factory=Timeouts)
    retries: RetryPolicy = attrs.field(factory=RetryPolicy)
    hedge_after: float | None = None
    resume: ResumeOption = "off"
    catalog: CatalogOptions = attrs.field(factory=CatalogOptions)
    max_connections: int = 0
    allow_insecure: bool = False
    sources: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    warnings: tuple[str, ...] = attrs.field(default=(), repr=False)

    @classmethod
    def load(
        cls,
        api_key: str | TokenSource | None = None,
        *,
        base_url: str | None = None,
        organization_id: str | None = None,
        default_model: str | ModelRef | None = None,
        reasoning: ReasoningOption = None,
        feature: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption | None = None,
        catalog: CatalogOptions | None = None,
        max_connections: int | None = None,
        allow_insecure: bool | None = None,
        path: FileChoice = None,
        env_file: FileChoice = None,
        openclaw_file: FileChoice = None,
        credentials: CredentialStore | Literal[False] | None = None,
    ) -> KiloConfig:
        """Read every source; each value is taken from the first that has it.

        1. The arguments that are not None.
        2. Environment variables.
        3. ``.env`` in the working directory.
        4. ``config.toml`` in the user's configuration directory.
        5. The key stored for the base URL.
        6. OpenClaw's file: its key and model.
        7. The defaults.

        It reads files, so a program calls it as it starts. Nothing is written, neither to
        a file nor to the environment.

        Args:
            api_key: As in ``KiloClient``, like the arguments after it.
            base_url: Where calls go.
            organization_id: Organisation context of every call.
            default_model: The ref that calls without a model use.
            reasoning: The level or object that calls without one use.
            feature: App attribution.
            headers: Headers of every request.
            timeouts: All five clocks at once; a file may set single ones.
            retries: All four numbers at once; a file may set single ones.
            hedge_after: Seconds without output after which a call is sent once more.
            resume: What is done about a stream that was cut.
            catalog: All that is said of the model list at once; a file may set single ones.
            max_connections: Most connections open at once; 0 for no limit.
            allow_insecure: Allow plain http to another machine although a key is sent.
            path: The TOML file to read instead of the user's; it must be there. False
                reads none. Without it ``KILO_SDK_CONFIG`` may name one.
            env_file: The same for ``.env``.
            openclaw_file: The same for OpenClaw's file, which may be missing all the same.
            credentials: Where keys are stored; False asks for none.

        Raises:
            ConfigurationError: A source cannot be read, has an unknown key, or a value
                cannot work: the message has the file, the line and the name. Or the extra
                ``config`` is not installed.
        """
        arguments = {
            "api_key": api_key,
            "base_url": base_url,
            "organization_id": organization_id,
            "default_model": default_model,
            "reasoning": reasoning,
            "feature": feature,
            "headers": headers,
            "timeouts": of_class(timeouts, Timeouts, "timeouts"),
            "retries": of_class(retries, RetryPolicy, "retries"),
            "hedge_after": hedge_after,
            "resume": resume,
            "catalog": of_class(catalog, CatalogOptions, "catalog"),
            "max_connections": max_connections,
            "allow_insecure": allow_insecure,
        }
        resolved = resolve(
            {name: value for name, value in arguments.items() if value is not None},
            path=path,
            env_file=env_file,
            openclaw_file=openclaw_file,
            credentials=credentials,
        )
        values: dict[str, Any] = {}
        for name, value in resolved.values.items():
            table, dot, inner = name.partition(".")
            if dot:
                values.setdefault(table, {})[inner] = value
            else:
                values[name] = value
        values["headers"] = dict(values["headers"])
        for table, made in TABLES.items():
            values[table] = made(**values[table])
        return cls(**values, sources=resolved.sources, warnings=resolved.warnings)

    def client_options(self) -> dict[str, Any]:
        """Return the arguments for ``KiloClient(**options)``."""
        return {name: getattr(self, name) for name in sorted(ARGUMENTS)}

    def masked(self) -> dict[str, Any]:
        """Return every value by the name of its option, as JSON takes it and anyone may see.

        Of a key at most the last four characters are there, of a header its name.
        """
        shown: dict[str, Any] = {}
        for name in OPTIONS:
            table, _, inner = name.partition(".")
            value = getattr(self, table)
            shown[name] = _plain(table, getattr(value, inner) if table in TABLES else value)
        return shown


def client_arguments(config: KiloConfig | None, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments for ``KiloClient`` of a configuration and what wins over it.

    Args:
        config: Default: ``KiloConfig.load()`` with those of the overrides that it takes.
        overrides: Arguments of the client; those that are None say nothing.

    Raises:
        ConfigurationError: The configuration cannot work.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    if config is None:
        config = KiloConfig.load(**{name: given[name] for name in ARGUMENTS & given.keys()})
    return {**config.client_options(), **given}


def _plain(name: str, value: object) -> object:
    if name == "api_key":
        return None if value is None else _shown_key(value)
    if name == "headers" and isinstance(value, Mapping):
        return dict.fromkeys(value, "***")
    if isinstance(value, ModelRef):
        return value.ref
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value.to_param() if isinstance(value, Reasoning) else value
