"""``kilo-sdk onboard``: from a key to one that is known to be good and kept in its place.

Nothing is stored before the gateway has taken the key. ``kilo-sdk logout`` is the way back.
"""

from __future__ import annotations

from typing import Annotated, Final

import attrs
import typer

from kilo_sdk.cli.asking import with_client, with_list_on_disk
from kilo_sdk.cli.config import read_config
from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.key_input import ask_for_key, read_key_from_stdin
from kilo_sdk.cli.options import AsJson
from kilo_sdk.cli.render import JsonOutput, Output, TextOutput, write_json, write_text
from kilo_sdk.client import KiloClient
from kilo_sdk.config import CredentialStore, KiloConfig, StoredKey
from kilo_sdk.config.api_keys import clean_key, mask
from kilo_sdk.config.credentials import Place, check_place, same_for_all
from kilo_sdk.diagnosis.advice import advice_on
from kilo_sdk.diagnosis.examination import answer_words
from kilo_sdk.diagnosis.key_check import KeyVerdict, check_key
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import refuse_clear_text

__all__ = [
    "AUTH_CHOICE",
    "ONBOARD_HELP",
    "OnboardOptions",
    "forget",
    "logout_command",
    "onboard",
    "onboard_command",
]

AUTH_CHOICE: Final = "kilocode-api-key"
"""The only way to be known to the gateway, in OpenClaw's words."""

ONBOARD_HELP: Final = """Check a key with the gateway, and store it for commands and programs.

The key is asked for without being shown, or read from standard input, or taken over
from where it is configured: the environment, .env, config.toml or OpenClaw's file.
There is no option for it, because command lines end up in histories and process lists.

The gateway is asked for one token of a model that is not free, which costs a small
fraction of a cent. A key that it refuses is not stored. One that it takes is kept for
this base URL alone, in a file that only you can read or in the system's keyring.

\b
Examples:
  kilo-sdk onboard                                     asks for the key
  pass show kilo | kilo-sdk onboard --api-key-stdin
  kilo-sdk onboard --auth-choice kilocode-api-key      takes KILOCODE_API_KEY
"""
"""What ``kilo-sdk onboard --help`` says."""

_MOST_TRIES: Final = 3
_MADE_AT: Final = "keys are made at https://app.kilo.ai"
_NOT_STORED: Final = "nothing was stored"


@attrs.frozen(kw_only=True)
class OnboardOptions:
    """What ``kilo-sdk onboard`` was told.

    Attributes:
        from_stdin: Read the key from standard input.
        auth_choice: Ask nothing; without ``from_stdin`` the key is the one that is configured.
        place: Where to keep it.
        verify: Whether the gateway must take it first.
        base_url: What it is for; None is as configured.
        organization: Organisation to check it with; None is as configured.
    """

    from_stdin: bool = False
    auth_choice: str | None = None
    place: Place = "file"
    verify: bool = True
    base_url: str | None = None
    organization: str | None = None


_KeyUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", help="What the key is for.  [default: as configured, or Kilo's]"),
]


def onboard_command(
    api_key_stdin: Annotated[
        bool, typer.Option("--api-key-stdin", help="Read the key from standard input.")
    ] = False,
    auth_choice: Annotated[
        str | None,
        typer.Option(
            metavar="CHOICE",
            help=f"{AUTH_CHOICE}: ask nothing, and take over the key that is configured.",
            autocompletion=lambda: [AUTH_CHOICE],
        ),
    ] = None,
    keyring: Annotated[
        bool, typer.Option("--keyring", help="Keep the key in the system's keyring.")
    ] = False,
    no_verify: Annotated[
        bool, typer.Option("--no-verify", help="Store the key without asking the gateway.")
    ] = False,
    as_json: AsJson = False,
    base_url: _KeyUrl = None,
    organization: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Check the key in the name of this organization."),
    ] = None,
) -> None:
    """Check a key and store it; ``ONBOARD_HELP`` is its help."""
    output = JsonOutput() if as_json else TextOutput()
    options = OnboardOptions(
        from_stdin=api_key_stdin,
        auth_choice=auth_choice,
        place="keyring" if keyring else "file",
        verify=not no_verify,
        base_url=base_url,
        organization=organization,
    )
    end_with(lambda: onboard(options, output), output)


def logout_command(
    base_url: _KeyUrl = None,
) -> None:
    """Forget the key that is stored for a base URL.

    Keys in the environment and in files of yours stay where they are.
    """
    output = TextOutput()
    end_with(lambda: forget(base_url, output), output)


def onboard(options: OnboardOptions, output: Output) -> ExitCode:
    """Get a key, check it, store it, and say so.

    Raises:
        ConfigurationError: What was told or is configured cannot work, there is no key, or
            it cannot be stored.
    """
    if options.auth_choice not in (None, AUTH_CHOICE):
        raise ConfigurationError(
            f"--auth-choice {options.auth_choice!r} is not known; accepted is {AUTH_CHOICE}"
        )
    check_place(options.place)
    # What is stored already may be damaged, or in a keyring that wants a password.
    config = read_config(
        output.note,
        base_url=options.base_url,
        organization_id=options.organization,
        credentials=False,
    )
    if not config.allow_insecure:
        refuse_clear_text(config.base_url)
    key, verdict = _asked(config, options, output)
    if verdict is not None and verdict.standing != "accepted":
        return _not_accepted(verdict, output)
    stored = CredentialStore().save(key, base_url=config.base_url, place=options.place)
    _tell(stored, verdict, output)
    _tell_what_is_in_the_way(stored, output)
    return ExitCode.DONE


def forget(base_url: str | None, output: Output) -> ExitCode:
    """Forget the key of a base URL, and say whether there was one.

    Raises:
        ConfigurationError: What is configured cannot work, or it cannot be deleted.
    """
    config = read_config(output.note, base_url=base_url, credentials=False)
    was_there = CredentialStore().delete(base_url=config.base_url)
    what = "the key is forgotten that was" if was_there else "no key is"
    write_text(f"{what} stored for {config.base_url}\n")
    if config.api_key is not None:
        output.note(f"there still is a key: {config.sources['api_key']}")
    return ExitCode.DONE


def _asked(
    config: KiloConfig, options: OnboardOptions, output: Output
) -> tuple[str, KeyVerdict | None]:
    """Get a key and what the gateway makes of it; a person may try again."""
    if options.from_stdin:
        key = clean_key(read_key_from_stdin(output.note))
        return key, _verdict(key, config, options)
    if options.auth_choice is not None:
        if not isinstance(config.api_key, str):
            raise ConfigurationError(
                f"--auth-choice {AUTH_CHOICE} takes over the key that is configured, and none is; "
                "set KILOCODE_API_KEY, or pipe the key in and say --api-key-stdin"
            )
        output.note(f"taking over the key from {config.sources['api_key']}")
        return config.api_key, _verdict(config.api_key, config, options)
    output.note(f"a key for {config.base_url} is needed; {_MADE_AT}")
    tries_left = _MOST_TRIES
    while True:
        tries_left -= 1
        typed = ask_for_key()
        try:
            key = clean_key(typed)
        except ConfigurationError as error:
            if not tries_left:
                raise
            output.note(f"{error.message}; try again")
            continue
        verdict = _verdict(key, config, options)
        if verdict is None or verdict.standing != "refused" or not tries_left:
            return key, verdict
        output.note(f"{_why(verdict)}; try again")


def _verdict(key: str, config: KiloConfig, options: OnboardOptions) -> KeyVerdict | None:
    if not options.verify:
        return None

    async def check(client: KiloClient) -> KeyVerdict:
        return await check_key(client, await client.models.list())

    return with_client(attrs.evolve(with_list_on_disk(config), api_key=key), check)


def _not_accepted(verdict: KeyVerdict, output: Output) -> ExitCode:
    error = verdict.error
    if error is None:
        raise AssertionError("a key that was not accepted met an error")
    if verdict.standing == "refused":
        error.add_note(f"{_NOT_STORED}; was the key copied whole? {_MADE_AT}")
    else:
        error.add_note(advice_on(error))
        error.add_note(
            f"the key could not be checked, so {_NOT_STORED}; --no-verify stores it unchecked"
        )
    output.failed(error)
    return ExitCode.REFUSED


def _why(verdict: KeyVerdict) -> str:
    return verdict.error.message if verdict.error is not None else ""


def _tell(stored: StoredKey, verdict: KeyVerdict | None, output: Output) -> None:
    shown = mask(stored.api_key)
    if isinstance(output, JsonOutput):
        write_json(
            {
                "api_key": shown,
                "base_url": stored.base_url,
                "place": stored.place,
                "where": stored.where,
                "verified": verdict is not None,
                "model": None if verdict is None else verdict.model,
                "problem": _why(verdict) or None if verdict is not None else None,
            }
        )
        return
    if verdict is None:
        words = "was not checked"
    elif verdict.error is not None:
        words = f"is good, but its account is empty: {_why(verdict)}"
    else:
        words = f"is good: {answer_words(verdict.model, verdict.completion)}"
    write_text(
        f"the key {shown} {words}\n"
        f"it is kept in the {stored.where}, for {stored.base_url}\n"
        'now ask something: kilo-sdk chat "Why is the sky blue?"\n'
    )
    if verdict is not None and verdict.error is not None:
        output.note(advice_on(verdict.error))


def _tell_what_is_in_the_way(stored: StoredKey, output: Output) -> None:
    """Say why commands would use another key, or ask another gateway."""
    config = KiloConfig.load(base_url=stored.base_url, credentials=False)
    if config.api_key not in (None, stored.api_key):
        output.note(
            f"another key comes before it: {config.sources['api_key']}; take that away to use "
            "the stored one"
        )
    usual = KiloConfig.load(credentials=False).base_url
    if same_for_all(usual) != stored.base_url:
        output.note(
            f"commands ask {usual} unless told otherwise; to ask this one: "
            f"export KILOCODE_BASE_URL={stored.base_url}"
        )
