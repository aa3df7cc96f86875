"""What all resources share: from keyword parameters to a request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, NamedTuple

from .._core.inline import InlinedBody
from .._core.options import RetryPolicy, Timeouts, resolve_retries, resolve_timeout, with_flex_queue
from .._core.pace import demand_of
from .._core.request import Request, sendable_body
from ..errors import ConfigurationError
from ._parameters import OPTION_NAMES, refuse_unknown

if TYPE_CHECKING:
    from .._core.engine import Engine


class Defaults(NamedTuple):
    """The client's own options, resolved once."""

    plain: Timeouts
    stream: Timeouts
    policy: RetryPolicy


class AsyncResource:
    """An area of the API, bound to a client."""

    def __init__(self, engine: Engine, defaults: Defaults) -> None:
        self._engine = engine
        self._defaults = defaults

    def _request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Any],
        known: frozenset[str],
        *,
        body: Mapping[str, Any] | None = None,
        stream: bool = False,
    ) -> Request:
        """Split call options from parameters, check their names, and build the request.

        Raises:
            ConfigurationError: an unknown parameter, a bad option, or a value that JSON cannot hold.
        """
        refuse_unknown(params, known)
        timeouts = self._defaults.stream if stream else self._defaults.plain
        request = Request(method, path, timeouts=timeouts, policy=self._defaults.policy, stream=stream)
        if not OPTION_NAMES.isdisjoint(params):
            body = self._apply_options(request, params, body)
        if body is not None:
            self._write(request, body)
            if body.get("service_tier") == "flex":
                self._prepare_flex(request, params, body)
        return request

    def _write(self, request: Request, body: Mapping[str, Any]) -> None:
        written = request.body = sendable_body(body)
        if isinstance(written, InlinedBody):
            request.headers = {**(request.headers or {}), **written.headers}
        if self._engine.limiter is not None:
            size = len(written) if isinstance(written, bytes) else written.text_size
            request.demand = demand_of(body, size)

    def _prepare_flex(self, request: Request, params: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        if request.policy.flex_fallback:
            request.standard = copy(request)
            self._write(request.standard, {key: body[key] for key in body if key != "service_tier"})
        request.flex = True
        if "timeout" not in params:
            request.timeouts = with_flex_queue(request.timeouts)

    def _apply_options(
        self, request: Request, options: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> Mapping[str, Any] | None:
        if "timeout" in options:
            request.timeouts = resolve_timeout(options["timeout"], stream=request.stream)
        if "max_retries" in options:
            request.policy = resolve_retries(options["max_retries"], self._defaults.policy)
        request.headers = extra_headers(options)
        request.query = extra_query(options)
        return None if body is None else {**body, **mapping_option(options, "extra_body")}


def mapping_option(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An option that is a mapping; empty when it is not set.

    Raises:
        ConfigurationError: it is something else.
    """
    value = options.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} must be a mapping, not {type(value).__name__}")
    return value


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"authorization", "content-length", "transfer-encoding"})


def extra_headers(options: Mapping[str, Any]) -> dict[str, str] | None:
    """The headers among the options of a call or a client; None when there are none.

    Raises:
        ConfigurationError: a header that cannot be sent, or that the client sets itself.
    """
    headers = dict(mapping_option(options, "extra_headers"))
    for name, value in headers.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ConfigurationError(f"extra_headers: {name!r} is not the name of a header")
        if name.lower() in _OWN_HEADERS:
            raise ConfigurationError(f"extra_headers cannot replace {name}: the client sets it itself")
        if not isinstance(value, str) or not value.isprintable():
            raise ConfigurationError(
                f"extra_headers: the value of {name!r} must be a string of printable characters"
            )
    return headers or None


def extra_query(options: Mapping[str, Any]) -> dict[str, str] | None:
    """The query parameters among the options of a call or a client; None when there are none.

    Raises:
        ConfigurationError: a name or value that is no string.
    """
    query = dict(mapping_option(options, "extra_query"))
    for name, value in query.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(f"extra_query: {name!r} and its value must be strings, not {value!r}")
    return query or None
