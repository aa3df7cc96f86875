"""What all resources share: from keyword parameters to a request."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._core.options import RetryPolicy, Timeouts, resolve_retries, resolve_timeout
from .._core.request import Request, encode_body
from ..errors import ConfigurationError
from ..types.shared import RequestOptions

if TYPE_CHECKING:
    from .._core.engine import Engine

_OPTIONS = frozenset(RequestOptions.__annotations__)


@dataclass(frozen=True, slots=True)
class Defaults:
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
        if not params.keys() <= known:
            raise _unknown(min(params.keys() - known), known)
        timeouts = self._defaults.stream if stream else self._defaults.plain
        request = Request(method, path, timeouts=timeouts, policy=self._defaults.policy, stream=stream)
        if not _OPTIONS.isdisjoint(params):
            body = self._apply_options(request, params, body)
        if body is not None:
            request.body = encode_body(body)
        return request

    def _apply_options(
        self, request: Request, options: Mapping[str, Any], body: Mapping[str, Any] | None
    ) -> Mapping[str, Any] | None:
        if "timeout" in options:
            request.timeouts = resolve_timeout(options["timeout"], stream=request.stream)
        if "max_retries" in options:
            request.policy = resolve_retries(options["max_retries"], self._defaults.policy)
        request.headers = _extra_headers(options)
        request.query = _extra_query(options)
        return None if body is None else {**body, **_mapping(options, "extra_body")}


def _mapping(options: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = options.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{name} must be a mapping, not {type(value).__name__}")
    return value


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OWN_HEADERS = frozenset({"authorization", "content-length", "transfer-encoding"})


def _extra_headers(options: Mapping[str, Any]) -> dict[str, str] | None:
    headers = dict(_mapping(options, "extra_headers"))
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


def _extra_query(options: Mapping[str, Any]) -> dict[str, str] | None:
    query = dict(_mapping(options, "extra_query"))
    for name, value in query.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(f"extra_query: {name!r} and its value must be strings, not {value!r}")
    return query or None


def _unknown(name: str, known: frozenset[str]) -> ConfigurationError:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ConfigurationError(
        f"unknown parameter {name!r}: {hint}A parameter this library does not know goes into extra_body={{...}}"
    )
