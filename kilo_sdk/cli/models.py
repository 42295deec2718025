"""``kilo-sdk models``: what models there are, and what is known of one."""

from __future__ import annotations

from typing import Annotated, Any, Final

import attrs
import typer

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.catalog.selection import Criteria, SortKey
from kilo_sdk.catalog.suggestions import did_you_mean
from kilo_sdk.cli.asking import with_client, with_list_on_disk
from kilo_sdk.cli.columns import columns
from kilo_sdk.cli.config import read_config
from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.model_refs import complete_ref
from kilo_sdk.cli.model_report import (
    ENDPOINT_NUMBERS,
    MODEL_NUMBERS,
    endpoint_object,
    endpoint_rows,
    list_words,
    model_facts,
    model_object,
    model_rows,
)
from kilo_sdk.cli.options import AsJson, GatewayUrl
from kilo_sdk.cli.render import JsonOutput, TextOutput, write_json, write_text
from kilo_sdk.client import KiloClient
from kilo_sdk.errors import APIError, ConfigurationError, NotFoundError
from kilo_sdk.settings import parse_ref
from kilo_sdk.types.model_info import ModelEndpoint, ModelInfo

__all__ = ["models_app"]

_HELP = """List the models there are, and show what is known of one.

Lists are kept in the cache directory for five minutes, for the next command and for the
completion of names. No key is needed, but an organization's list.

\b
Examples:
  kilo-sdk models list claude                       search
  kilo-sdk models list --free
  kilo-sdk models list --reasoning --max-input-price 2 --sort price
  kilo-sdk models list --json | jq -r '.models[].ref'
  kilo-sdk models show anthropic/claude-sonnet-4    limits, prices, providers
"""

# Sizes are looked for from the largest, prices and names from the least.
_FROM_THE_LARGEST: Final = frozenset({"context", "max_output"})

models_app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Organization = Annotated[
    str | None,
    typer.Option(metavar="ID", help="Whose models.  [default: as configured, or everybody's]"),
]
_Refresh = Annotated[
    bool, typer.Option("--refresh", help="Ask the gateway now, however fresh the list is.")
]


@models_app.command("list")
def list_(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="WORDS", show_default=False, help="What to search for."),
    ] = None,
    free: Annotated[bool, typer.Option("--free", help="Those that cost nothing.")] = False,
    reasoning: Annotated[
        bool, typer.Option("--reasoning", help="Those that take reasoning settings.")
    ] = False,
    tools: Annotated[bool, typer.Option("--tools", help="Those that take tools.")] = False,
    images: Annotated[bool, typer.Option("--images", help="Those that take images.")] = False,
    vendor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Those of this vendor; may be repeated."),
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Those that take this field; may be repeated."),
    ] = None,
    max_input_price: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Up to this, per million input tokens."),
    ] = None,
    max_output_price: Annotated[
        str | None,
        typer.Option(metavar="DOLLARS", help="Up to this, per million output tokens."),
    ] = None,
    min_context: Annotated[
        int | None, typer.Option(metavar="N", min=0, help="At least so many tokens of context.")
    ] = None,
    sort: Annotated[
        SortKey | None,
        typer.Option(
            help="Cheapest, largest or by name.  [default: the best match, or the gateway's order]"
        ),
    ] = None,
    reverse: Annotated[bool, typer.Option("--reverse", help="The other way round.")] = False,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="No more than so many.")
    ] = None,
    all_: Annotated[
        bool,
        typer.Option("--all", help="Also those that are not for chat: images, embeddings."),
    ] = False,
    as_json: AsJson = False,
    as_refs: Annotated[
        bool, typer.Option("--refs", help="Print the names alone, one a line.")
    ] = False,
    refresh: _Refresh = False,
    base_url: GatewayUrl = None,
    organization: _Organization = None,
) -> None:
    """List models: by words, by what they can do, by price.

    What is not known of a model fits no limit. Where the gateway cannot be asked, an older
    list serves, or the one bundled with the SDK; standard error says why.
    """
    output = JsonOutput() if as_json else TextOutput()
    criteria: dict[str, Any] = {
        "free": free or None,
        "reasoning": reasoning or None,
        "tools": tools or None,
        "images": images or None,
        "vendor": vendor or None,
        "parameters": parameter or None,
        "max_input_price": max_input_price,
        "max_output_price": max_output_price,
        "min_context": min_context,
    }

    def chosen(catalog: ModelCatalog) -> ModelCatalog:
        found = (catalog if all_ else catalog.chat_models()).filter(**criteria)
        if words:
            found = found.find(" ".join(words))
        if sort is not None:
            found = found.sort_by(sort, descending=(sort in _FROM_THE_LARGEST) is not reverse)
        elif reverse:
            found = found[::-1]
        return found[:limit]

    def command() -> ExitCode:
        Criteria.checked(**criteria)  # before anybody is asked
        config = with_list_on_disk(
            read_config(output.note, base_url=base_url, organization_id=organization)
        )
        catalog = with_client(config, lambda client: client.models.list(refresh=refresh))
        found = chosen(catalog)
        if as_json:
            write_json(_list_object(catalog, found))
        elif as_refs:
            write_text("".join(f"{model.ref}\n" for model in found))
        elif found:
            write_text(columns(model_rows(found), right=MODEL_NUMBERS))
        if catalog.failure is not None or not (as_json or as_refs):
            output.note(list_words(len(found), catalog))
        return ExitCode.DONE

    end_with(command, output)


@models_app.command("show")
def show(
    ref: Annotated[
        str,
        typer.Argument(metavar="REF", help="The model.", autocompletion=complete_ref),
    ],
    as_json: AsJson = False,
    refresh: _Refresh = False,
    base_url: GatewayUrl = None,
    organization: _Organization = None,
) -> None:
    """Show what is known of a model, and which providers serve it at what price."""
    output = JsonOutput() if as_json else TextOutput()

    def command() -> ExitCode:
        config = with_list_on_disk(
            read_config(output.note, base_url=base_url, organization_id=organization)
        )
        shown = with_client(config, lambda client: _look_up(client, ref, refresh=refresh))
        if as_json:
            write_json(
                {
                    **model_object(shown.model),
                    "endpoints": None
                    if shown.endpoints is None
                    else [*map(endpoint_object, shown.endpoints)],
                }
            )
        else:
            write_text(columns(model_facts(shown.model)))
            if shown.endpoints:
                rows = endpoint_rows(shown.endpoints)
                write_text("\n" + columns(rows, right=ENDPOINT_NUMBERS))
        if shown.catalog.failure is not None:
            output.note(list_words(1, shown.catalog))
        if isinstance(shown.failure, NotFoundError) or shown.endpoints == []:
            output.note("the gateway tells of no providers that serve it")
        elif shown.failure is not None:
            output.note(f"its providers cannot be shown: {shown.failure.message}")
            return ExitCode.REFUSED
        return ExitCode.DONE

    end_with(command, output)


@attrs.frozen
class _LookUp:
    """A model with its endpoints, or why there are none."""

    catalog: ModelCatalog
    model: ModelInfo
    endpoints: list[ModelEndpoint] | None
    failure: APIError | None


async def _look_up(client: KiloClient, ref: str, *, refresh: bool) -> _LookUp:
    catalog = await client.models.list(refresh=refresh)
    try:
        wanted = parse_ref(ref)
    except ConfigurationError as error:
        if hint := did_you_mean(ref, catalog):
            error.add_note(hint)
        raise
    model = await client.models.get(wanted)
    try:
        endpoints = await client.with_options(
            timeouts=attrs.evolve(client.timeouts, total=15)
        ).models.endpoints(wanted)
    except APIError as error:
        return _LookUp(catalog, model, None, error)
    return _LookUp(catalog, model, endpoints, None)


def _list_object(catalog: ModelCatalog, found: ModelCatalog) -> dict[str, Any]:
    return {
        "source": catalog.source,
        "fetched_at": catalog.fetched_at,
        "failure": catalog.failure,
        "models": [*map(model_object, found)],
    }
