"""KiloClient: the front door.

It holds what was configured and the connections, and leads each call to the room where
it is handled: ``resources`` make a call of the arguments, a transport makes a request of
the call, ``attempts`` sends it, ``streaming`` and ``answers`` bring the answer back.

Source: GATEWAY 1 and 2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from kilo_sdk.catalog_shelf import CatalogShelf, asker_of
from kilo_sdk.cost.call import meters_of
from kilo_sdk.cost.prices import PriceList
from kilo_sdk.fetch import GatewayFetcher
from kilo_sdk.http import Connections
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth, TokenSource, refuse_clear_text
from kilo_sdk.middleware.chain import AnyRequestMiddleware, AnyResponseMiddleware, RequestChain
from kilo_sdk.middleware.reasoning_injection import ModelHints
from kilo_sdk.network import Network
from kilo_sdk.options import ClientOptions
from kilo_sdk.outgoing import check_headers
from kilo_sdk.provider_memory import ProviderMemory, check_pin
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.limits import Limits
from kilo_sdk.resilience.policy import CallPolicy, ResumeOption
from kilo_sdk.resilience.retry_budget import RetryBudget
from kilo_sdk.resources.chat import Chat
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.routes import Route, Routes
from kilo_sdk.settings import (
    PLAIN_HEADERS,
    STREAM_HEADERS,
    default_headers,
    merge_headers,
    of_class,
    parse_ref,
    resolve_api_key,
    resolve_base_url,
    resolve_feature,
    sequence_of,
)
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.transports.base import TransportAdapter
from kilo_sdk.types.reasoning import Reasoning, check_level

if TYPE_CHECKING:
    from ssl import SSLContext

    import aiohttp

    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.catalog.options import CatalogOptions
    from kilo_sdk.config.config import KiloConfig
    from kilo_sdk.cost.meter import CostMeter
    from kilo_sdk.resilience.try_report import OnTry
    from kilo_sdk.resources.models import ModelsResource
    from kilo_sdk.resources.providers import ProvidersResource
    from kilo_sdk.types.params import ProviderPin, ReasoningOption

__all__ = ["KiloClient"]


class KiloClient:
    """A client of the gateway. Make one per event loop and keep it open.

        async with KiloClient() as client:
            completion = await client.chat.completions.create(messages="Say hi")

    Any number of tasks may use it at once. Closing it twice is fine; using it after that,
    or from another event loop, raises ``ConfigurationError``.

    Args:
        api_key: The key, or a plain or async callable that returns the current one and is
            asked again once after a 401. Default: ``KILOCODE_API_KEY``, then
            ``KILO_API_KEY``; with neither, calls are anonymous.
        base_url: Default: ``KILOCODE_BASE_URL``, then the gateway's.
        organization_id: Organisation context of every call.
        default_model: The ref that calls without a model use.
        reasoning: The reasoning level or object that calls without one use.
        feature: App attribution; default: ``KILOCODE_FEATURE``, then ``direct-gateway``.
        headers: Headers of every request.
        timeouts: The five clocks; default: ``Timeouts()``.
        retries: How often and how patiently to try; default: ``RetryPolicy()``.
        retry_budget: How many retries all calls may make together.
        limits: What all calls may ask at once and per minute; default: nothing is limited.
        on_try: Called with a ``TryReport`` for each try.
        hedge_after: Seconds without output after which a call is sent once more, beside.
        resume: ``"continue"`` lets the model go on with a stream that was cut.
        hints: Which models get no reasoning level; default: ``ModelHints()``.
        pin_provider: True to go on with the provider that gave a conversation's last
            answer, or the name of one to go to first; what calls without their own use.
        transports: Transport adapters asked before the built-in ones.
        request_middleware: Run after the transport's own, on the final payload.
        response_middleware: Run after the transport's own, on each chunk and completion.
        cost_meter: Counts what every call costs, and may set a budget.
        max_connections: Most connections open at once; 0 for no limit.
        session: An aiohttp session of yours to use; it is not closed with the client.
        ssl: Decides which certificates are trusted; default: the system's.
        proxy: The URL of a proxy to go through.
        trust_env: Go through the proxy that ``HTTPS_PROXY`` and its kin name.
        allow_insecure: Allow plain http to another machine although a key is sent.
        catalog: How long the model list is kept, and whether on disk too; default:
            ``CatalogOptions()``.

    Raises:
        ConfigurationError: An argument cannot work; the message says which and why.
    """

    def __init__(
        self,
        api_key: str | TokenSource | None = None,
        *,
        base_url: str | None = None,
        organization_id: str | None = None,
        default_model: str | ModelRef = "kilo/auto",
        reasoning: ReasoningOption = None,
        feature: str | None = None,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
        retries: RetryPolicy | None = None,
        retry_budget: RetryBudget | None = None,
        limits: Limits | None = None,
        on_try: OnTry | None = None,
        hedge_after: float | None = None,
        resume: ResumeOption = "off",
        hints: ModelHints | None = None,
        pin_provider: ProviderPin = False,
        transports: Sequence[TransportAdapter] = (),
        request_middleware: Sequence[AnyRequestMiddleware] = (),
        response_middleware: Sequence[AnyResponseMiddleware] = (),
        cost_meter: CostMeter | None = None,
        max_connections: int = 0,
        session: aiohttp.ClientSession | None = None,
        ssl: SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        allow_insecure: bool = False,
        catalog: CatalogOptions | None = None,
    ) -> None:
        self._options = ClientOptions(
            api_key=api_key,
            base_url=base_url,
            organization_id=organization_id,
            default_model=default_model,
            reasoning=reasoning,
            feature=feature,
            headers=headers,
            timeouts=timeouts,
            retries=retries,
            retry_budget=RetryBudget() if retry_budget is None else retry_budget,
            limits=limits,
            on_try=on_try,
            hedge_after=hedge_after,
            resume=resume,
            hints=hints,
            pin_provider=pin_provider,
            transports=transports,
            request_middleware=request_middleware,
            response_middleware=response_middleware,
            cost_meter=cost_meter,
            allow_insecure=allow_insecure,
        )
        self._owns_connections = True
        network = Network(
            ssl=ssl,
            proxy=proxy,
            trust_env=trust_env,
            max_connections=max_connections,
            session=session,
        )
        self._connections = Connections(session=session, network=network)
        self._catalogs = CatalogShelf(catalog, self._connections.lifetime)
        self._provider_memory = ProviderMemory()
        self._configure(self._options)

    @classmethod
    def from_config(cls, config: KiloConfig | None = None, **overrides: Any) -> Self:
        """Return a client set up by configuration files as well.

        The constructor itself reads arguments and the environment, and no file.

        Args:
            config: The configuration; default: ``KiloConfig.load()`` with those of the
                overrides that it takes, so that a key is looked up for the base URL that
                counts.
            **overrides: Arguments of the constructor that win over the configuration.

        Raises:
            ConfigurationError: The configuration, or an argument, cannot work.
        """
        from kilo_sdk.config.config import client_arguments

        return cls(**client_arguments(config, overrides))

    def _configure(self, options: ClientOptions) -> None:
        key = resolve_api_key(options.api_key)
        self._base_url = resolve_base_url(options.base_url)
        if key is not None and not options.allow_insecure:
            refuse_clear_text(self._base_url)
            self._connections.network.refuse_clear_text(self._base_url)
        self._default_model = parse_ref(options.default_model)
        reasoning = options.reasoning
        self._reasoning: ReasoningOption = (
            reasoning if isinstance(reasoning, Reasoning | dict | None) else check_level(reasoning)
        )
        self._headers = default_headers(options.headers)
        check_headers(self._headers)
        self._plain_headers = self.headers_with(PLAIN_HEADERS)
        self._stream_headers = self.headers_with(STREAM_HEADERS)
        self._timeouts = of_class(options.timeouts, Timeouts, "timeouts") or Timeouts()
        self._policy = options.call_policy()
        self._pin_provider = check_pin(options.pin_provider)
        self._organization_id = organization_id = options.organization_id
        auth = BearerAuth(key, allow_insecure=options.allow_insecure, is_bound=True)
        app_headers = AppHeaders(resolve_feature(options.feature), organization_id)
        self._routes = Routes(
            auth=auth,
            app_headers=app_headers,
            hints=of_class(options.hints, ModelHints, "hints"),
            catalog=lambda: self.loaded_catalog,
            transports=sequence_of(options.transports, "transports"),
            request_middleware=sequence_of(options.request_middleware, "request_middleware"),
            response_middleware=sequence_of(options.response_middleware, "response_middleware"),
        )
        self._asker = asker_of(self._base_url, organization_id, key, self._headers)
        self._fetcher = GatewayFetcher(self, RequestChain((auth, app_headers)))
        meters_of(options.cost_meter)
        self._cost_meter = options.cost_meter
        self._prices = PriceList(partial(self._catalogs.loaded, self._asker))
        self.chat = Chat(self)

    @property
    def models(self) -> ModelsResource:
        """The catalogue: what models there are, what they can do and cost."""
        # Imported here: most processes list nothing.
        from kilo_sdk.resources.models import ModelsResource

        return ModelsResource(
            self._fetcher,
            base_url=self._base_url,
            organization_id=self._organization_id,
            cache=self._catalogs.cache_of(self._asker),
        )

    @property
    def loaded_catalog(self) -> ModelCatalog | None:
        """The gateway's model list as last obtained by ``models``; never asks for it.

        None until it was obtained; the bundled list does not count. Views with the same
        base URL, organisation and key share it.
        """
        return self._catalogs.loaded(self._asker)

    def advice_on_missing(self, id_: str) -> str:
        """Return ``did you mean a/b?`` for a model that is not there, or nothing; asks nobody."""
        return self._catalogs.advice_on_missing(self._asker, id_)

    @property
    def providers(self) -> ProvidersResource:
        """Whom the gateway can route to."""
        from kilo_sdk.resources.providers import ProvidersResource

        return ProvidersResource(self._fetcher)

    @property
    def base_url(self) -> str:
        """Where calls go; ends in a slash."""
        return self._base_url

    @property
    def default_model(self) -> ModelRef:
        """What calls without a model ask."""
        return self._default_model

    @property
    def reasoning(self) -> ReasoningOption:
        """What calls without a reasoning option use."""
        return self._reasoning

    @property
    def timeouts(self) -> Timeouts:
        """The clocks of calls that bring none of their own."""
        return self._timeouts

    @property
    def retries(self) -> RetryPolicy:
        """How often and how patiently calls are tried."""
        return self._policy.retries

    @property
    def policy(self) -> CallPolicy:
        """What calls do when their first try does not bring the answer."""
        return self._policy

    @property
    def cost_meter(self) -> CostMeter | None:
        """What counts every call, or None."""
        return self._cost_meter

    @property
    def prices(self) -> PriceList:
        """What models charge, as far as the loaded catalogue tells."""
        return self._prices

    @property
    def pin_provider(self) -> ProviderPin:
        """Whom calls without their own say go to first."""
        return self._pin_provider

    @property
    def provider_memory(self) -> ProviderMemory:
        """Who gave the last answers, shared with every view."""
        return self._provider_memory

    @property
    def connections(self) -> Connections:
        """The connections, shared with every view."""
        return self._connections

    @property
    def closed(self) -> bool:
        """Whether the client was closed."""
        return self._connections.closed

    def transport_for(self, ref: str | ModelRef) -> TransportAdapter:
        """Return the transport that serves a model."""
        return self._routes.transport_for(parse_ref(ref))

    def route_for(self, ref: ModelRef) -> Route:
        """Return the transport that serves a model, with the chains its calls pass."""
        return self._routes.route_for(ref)

    def headers_with(self, more: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of every request, over ``more``."""
        return merge_headers(more, self._headers)

    def call_headers(self, *, stream: bool) -> Mapping[str, str]:
        """Return the headers of every call; checked, and not to be changed."""
        return self._stream_headers if stream else self._plain_headers

    def check_open(self) -> None:
        """Refuse to go on when the client was closed, by a ``ConfigurationError``."""
        self._connections.lifetime.check_open()

    def with_options(self, **options: Any) -> KiloClient:
        """Return a view with other defaults over the same connections.

        Args:
            **options: Any argument of the constructor but ``catalog`` and those about
                connections (``session`` to ``trust_env``), which are shared.

        Returns:
            A client of its own in all else. Closing it closes nothing; it ends with the
            client it was made from.

        Raises:
            ConfigurationError: An option is unknown, or cannot work.
        """
        view = object.__new__(type(self))
        view._options = self._options.replace(**options)
        view._owns_connections = False
        view._connections = self._connections
        view._catalogs = self._catalogs
        view._provider_memory = self._provider_memory
        view._configure(view._options)
        return view

    async def close(self) -> None:
        """Close every connection, from their own loop. Twice is fine; a view closes nothing."""
        if self._owns_connections:
            self._connections.check_closable()
            try:
                await self._catalogs.close()
            finally:
                await self._connections.close()

    async def __aenter__(self) -> Self:
        self.check_open()
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<KiloClient {self._base_url} {self._default_model.ref} {state}>"
