"""`Maritaca`: the blocking client."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, Unpack

from .. import _sync
from .._core.request import hidden
from ..client import AsyncMaritaca
from ..errors import ConfigurationError
from .closing import Closing
from .portal import run
from .resources import Chat, Models

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .._core.options import CallDefaults, ClientOptions
    from ..types.json_object import JsonObject
    from ..types.shared import RequestOptions


class Maritaca(Closing):
    """The blocking client: `AsyncMaritaca` with an event loop of its own in another thread.

    Works in scripts, threads, forked workers, and where a loop is already running, as in notebooks.
    Inside an asynchronous application it would block that application: use `AsyncMaritaca` there.

    Args:
        api_key: Key from plataforma.maritaca.ai. Default: the environment variable `MARITACA_API_KEY`.
        **options: See `ClientOptions`; all but `session`.

    Raises:
        ConfigurationError: no key, or an option that cannot work.
    """

    def __init__(self, api_key: str | None = None, **options: Unpack[ClientOptions]) -> None:
        api_key = hidden(api_key)
        options["proxy"] = hidden(options.get("proxy"))
        if options.get("session") is not None:
            raise ConfigurationError(
                "session=... serves one event loop, and the blocking client has a loop of its own: use proxy, "
                "ssl_context or resolver, or AsyncMaritaca"
            )
        self._bind(AsyncMaritaca(api_key, **options))

    def _bind(self, twin: AsyncMaritaca) -> None:
        self._twin = twin
        self.chat: Chat = Chat(twin.chat)
        """Chat completions."""
        for area in _MADE_LATER:  # those of the client that this one was made of
            vars(self).pop(area, None)

    @cached_property
    def responses(self) -> _sync.Responses:
        """The Responses API."""
        return _sync.Responses(self._twin.responses)

    @cached_property
    def models(self) -> Models:
        """The list of models."""
        return Models(self._twin.models)

    @cached_property
    def files(self) -> _sync.Files:
        """Uploaded files."""
        return _sync.Files(self._twin.files)

    @cached_property
    def batches(self) -> _sync.Batches:
        """Batches of chat completions."""
        return _sync.Batches(self._twin.batches)

    @property
    def base_url(self) -> str:
        """Root of the API, without a trailing slash."""
        return self._twin.base_url

    def with_options(self, *, api_key: str | None = None, **options: Unpack[CallDefaults]) -> Self:
        """A client with other defaults on the same connections; see `AsyncMaritaca.with_options`.

        Raises:
            ConfigurationError: an option that cannot work, or one that both clients share.
        """
        api_key = hidden(api_key)
        made = object.__new__(type(self))
        vars(made).update(vars(self))
        made._bind(self._twin.with_options(api_key=api_key, **options))
        return made

    def post(self, path: str, *, body: Mapping[str, Any], **options: Unpack[RequestOptions]) -> JsonObject:
        """Send JSON to a route that has no method here; see `AsyncMaritaca.post`.

        Raises:
            ConfigurationError: a path that could leave `base_url`, a bad body or option; before any I/O.
            APIError: the call failed.
        """
        raw = self._twin._raw  # noqa: SLF001 - prepared in the caller's thread, like every request
        return run(raw.send, raw.prepare(path, body, options))

    def post_many(
        self,
        path: str,
        *,
        bodies: Iterable[Mapping[str, Any]],
        max_concurrency: int = 8,
        **options: Unpack[RequestOptions],
    ) -> list[JsonObject]:
        """Like `post` for several bodies at once; see `AsyncMaritaca.post_many`.

        Raises:
            ConfigurationError: as for `post`; before any I/O.
            APIError: the first call that failed; the others are cancelled.
        """
        raw = self._twin._raw  # noqa: SLF001 - prepared in the caller's thread, like every request
        return run(raw.send_many, raw.prepare_many(path, bodies, options), max_concurrency)

    def close(self) -> None:
        """Close all connections; calls under way fail, and later ones raise `ConfigurationError`."""
        run(self._twin.aclose)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={getattr(self, 'base_url', '')!r})"

    def __copy__(self) -> Self:
        return _from_twin(type(self), self._twin.__copy__())

    def __deepcopy__(self, _memo: dict[int, Any]) -> Self:
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        return _from_twin, (type(self), self._twin)


_MADE_LATER: Final = ("responses", "models", "files", "batches")
_M = TypeVar("_M", bound=Maritaca)


def _from_twin(kind: type[_M], twin: AsyncMaritaca) -> _M:
    client = kind.__new__(kind)
    client._bind(twin)  # noqa: SLF001 - the other way to make one
    return client
