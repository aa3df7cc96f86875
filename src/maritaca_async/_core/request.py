"""From options and parameters to a request, and from an error answer to our error; no I/O."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex, TypeVar
from urllib.parse import SplitResult, urlsplit

from pydantic_core import PydanticSerializationError, ValidationError, to_json, to_jsonable_python

from .. import errors
from ..errors import APIStatusError, ConfigurationError
from .inline import MARK, InlinedBody, InlineFile
from .retry import parse_retry_after

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import TimeoutPhase
    from .http_info import HttpInfo
    from .options import RetryPolicy, Timeouts
    from .pace import Demand
    from .upload import Upload

T = TypeVar("T")
BODY_LIMIT = 64 * 1024
_MESSAGE_LIMIT = 500


class Secret(str):
    """A text that does not show in `repr`, so neither in tracebacks with locals nor in dumps of objects."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'**********'"

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        raise TypeError(
            "an API key is not pickled: pickle the client, which reads it from the environment again"
        )


class Request:
    """One call, ready to send as often as need be: its body is fixed before the first attempt."""

    __slots__ = (
        "body",
        "demand",
        "flex",
        "headers",
        "method",
        "once",
        "path",
        "policy",
        "query",
        "standard",
        "stream",
        "timeouts",
    )

    def __init__(
        self,
        method: str,
        path: str,
        *,
        timeouts: Timeouts,
        policy: RetryPolicy,
        stream: bool = False,
    ) -> None:
        self.method: str = method
        self.path: str = path
        self.timeouts: Timeouts = timeouts
        self.policy: RetryPolicy = policy
        self.stream: bool = stream
        self.once: bool = False  # whether the body can be sent a single time only
        self.body: bytes | InlinedBody | Upload | None = None
        self.demand: Demand | None = None  # what the client's rate limits count
        self.headers: Mapping[str, str] | None = None
        self.query: Mapping[str, str] | None = None
        self.flex: bool = False  # whether it is of the flex tier
        self.standard: Request | None = None  # the same at the standard tier, if flex may end there

    def leave_flex(self) -> bool:
        """Become the request of the standard tier; False when there is none."""
        if self.standard is None:
            return False
        for name in ("body", "headers", "demand", "flex", "standard"):
            setattr(self, name, getattr(self.standard, name))
        return True

    def __repr__(self) -> str:
        size = f", {len(self.body)} bytes" if isinstance(self.body, bytes) else ""
        return f"<Request {self.method} {self.path}{size}>"


class Attempt:
    """Where a call stands: how often it was tried, and what it is waiting for."""

    __slots__ = ("fresh", "number", "phase", "resent", "url")

    def __init__(self, url: str) -> None:
        self.url: str = url
        self.number: int = 0
        self.resent: int = 0  # times a stale connection made it send again, outside the retries
        self.phase: TimeoutPhase = "queue"
        self.fresh: bool = False  # whether the attempt opened a connection of its own


def hidden(api_key: T) -> T | Secret:
    """A key that shows in no traceback from here on, not even in one with locals; other values as they are."""
    return Secret(api_key) if isinstance(api_key, str) else api_key


def check_api_key(api_key: str | None) -> Secret:
    """The key, stripped and checked for what a header cannot carry.

    Raises:
        ConfigurationError: missing, empty, or with a character that cannot be part of a key.
    """
    if api_key is None or (isinstance(api_key, str) and not api_key.strip()):
        raise ConfigurationError(
            "no API key: set the environment variable MARITACA_API_KEY or pass api_key=...; "
            "keys are made at plataforma.maritaca.ai"
        )
    if not isinstance(api_key, str):
        raise ConfigurationError(f"api_key must be a string, not {type(api_key).__name__}")
    key = Secret(api_key.strip())
    bad = next((place for place, char in enumerate(key, 1) if not "!" <= char <= "~"), None)
    if bad is not None:
        raise ConfigurationError(
            f"api_key has an invalid character at position {bad} of {len(key)}: only visible ASCII can be part of a key"
        )
    return key


def check_base_url(base_url: str) -> str:
    """The base URL without its trailing slash.

    Raises:
        ConfigurationError: not an absolute http(s) URL, or one with user, query or fragment.
    """
    url = str(base_url).strip()
    parts = _split(url)
    if parts is None:
        raise ConfigurationError(
            f"base_url must look like https://chat.maritaca.ai/api, not {url[:200]!r} "
            "(set it with base_url=... or MARITACA_API_BASE)"
        )
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ConfigurationError("base_url must not hold a user, password, query or fragment")
    return url.rstrip("/")


_HOST = re.compile(r"([a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?|\[[0-9a-f:.%]+\]", re.IGNORECASE)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").encode("idna").decode("ascii")
        usable = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return None
    readable = url.isprintable() and " " not in url
    named = _HOST.fullmatch(f"[{host}]" if ":" in host else host) is not None
    return parts if usable and readable and named else None


def sendable_body(body: Mapping[str, Any]) -> bytes | InlinedBody:
    """The JSON of a request body; with files in it, one that is written while it is sent.

    Raises:
        ConfigurationError: see `encode_body`.
    """
    files: list[InlineFile] = []
    encoded = encode_body(body, files)
    return InlinedBody(encoded.split(f'"{MARK}"'.encode()), files) if files else encoded


def encode_body(body: Mapping[str, Any], files: list[InlineFile] | None = None) -> bytes:
    """The JSON bytes of a request body.

    Args:
        body: What to write.
        files: Takes the files in it, and the JSON has `MARK` for each. None: they are read and written whole.

    Raises:
        ConfigurationError: a value that JSON cannot hold: NaN, infinity, or an unknown type.
    """
    fallback = partial(_plain, files)
    try:
        encoded = to_json(body, inf_nan_mode="constants", fallback=fallback)
        if b"NaN" in encoded or b"Infinity" in encoded:
            # Numbers that JSON lacks, or harmless text that reads like them: reading it back tells.
            json.loads(encoded, parse_constant=_refuse_constant)
    except PydanticSerializationError as error:
        # Lone surrogates can only be carried by the escaped form.
        if "surrogates" not in str(error):
            raise ConfigurationError(f"the request cannot be written as JSON: {error}") from None
        if files:
            files.clear()
        return _encode_escaped(body, partial(to_jsonable_python, fallback=fallback))
    return encoded


def _encode_escaped(body: Mapping[str, Any], default: Callable[[Any], Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, default=default).encode("ascii")
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"the request cannot be written as JSON: {error}") from None


def _plain(files: list[InlineFile] | None, value: Any) -> Any:
    if isinstance(value, InlineFile):
        if files is None:
            return value.data_uri()
        files.append(value)
        return MARK
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _refuse_constant(name: str) -> NoReturn:
    raise ConfigurationError(f"the request cannot be written as JSON: it has no number {name}")


def status_error(
    status: int, reason: str, body: bytes, http: HttpInfo, request: errors.RequestInfo, now: float
) -> APIStatusError:
    """The error for an answer with an error status: class by status, details from any documented body shape."""
    text = body[:BODY_LIMIT].decode("utf-8", "replace")
    details = parse_error(text)
    kind = _status_class(status)
    parts = [f"{status} {reason}".strip(), details.message or snippet(text) or "no message"]
    if location := http.headers.get("location") if 300 <= status < 400 else None:
        parts.append(
            f"redirect to {_host_of(location)} not followed, for it would carry your data there; set base_url"
        )
    elif kind.hint:
        parts.append(kind.hint)
    error = kind(
        ": ".join(parts[:2]) + "".join(f" ({part})" for part in parts[2:]),
        status_code=status,
        code=details.code,
        type=details.type,
        param=details.param,
        body=text,
        retry_after=parse_retry_after(http.headers, now),
        request=request,
        http=http,
    )
    if status == 429 and _is_exhausted(details):
        error.retryable = False
    return error


def _host_of(location: str) -> str:
    try:
        return urlsplit(location).netloc or "the same host"
    except ValueError:
        return "an unreadable address"


_STATUS_CLASSES: dict[int, type[APIStatusError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.PaymentRequiredError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    408: errors.RequestTimeoutError,
    409: errors.ConflictError,
    413: errors.PayloadTooLargeError,
    422: errors.UnprocessableEntityError,
    429: errors.RateLimitError,
}


def _status_class(status: int) -> type[APIStatusError]:
    if status >= 500:
        return errors.InternalServerError
    return _STATUS_CLASSES.get(status, APIStatusError)


class ErrorDetails:
    """What an error body says, whatever its shape."""

    __slots__ = ("code", "message", "param", "type")

    def __init__(
        self, message: str = "", code: str | None = None, kind: str | None = None, param: str | None = None
    ) -> None:
        self.message = message
        self.code = code
        self.type = kind
        self.param = param


def parse_error(text: str) -> ErrorDetails:
    """Read the five shapes of contract section 20; a body of another shape gives empty details."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorDetails()
    if not isinstance(body, dict):
        return ErrorDetails()
    for key in ("detail", "message", "error"):
        value = body.get(key)
        if isinstance(value, str) and value:
            return ErrorDetails(value)
        if isinstance(value, list) and value:
            return _validation_details(value)
        if isinstance(value, dict) and value:
            return ErrorDetails(
                _text(value.get("message")) or json.dumps(value, ensure_ascii=False),
                *(_text(value.get(name)) for name in ("code", "type", "param")),
            )
    return ErrorDetails()


def _validation_details(items: list[Any]) -> ErrorDetails:
    found = [item for item in items if isinstance(item, dict)]
    if not found:
        return ErrorDetails("; ".join(map(str, items)))
    places = [".".join(map(str, item["loc"])) if isinstance(item.get("loc"), list) else "" for item in found]
    lines = [f"{place}: {item.get('msg', '')}".strip(": ") for place, item in zip(places, found, strict=True)]
    return ErrorDetails(
        "; ".join(lines), kind=_text(found[0].get("type")), param=places[0].removeprefix("body.") or None
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


_EXHAUSTED = re.compile(
    r"insufficient[_ ](quota|balance|credit|funds)|exceeded your (current )?quota"
    r"|(saldo|cr[eé]ditos?) insuficiente|(sem|não tem) (saldo|cr[eé]dito)",
    re.IGNORECASE,
)


def _is_exhausted(details: ErrorDetails) -> bool:
    """Whether waiting is useless because a quota or the balance is used up, not a rate."""
    return bool(_EXHAUSTED.search(" ".join(filter(None, (details.code, details.type, details.message)))))


def merge_headers(base: Mapping[str, str], extra: Mapping[str, str]) -> dict[str, str]:
    """Base headers with the caller's on top, whatever the case of their names."""
    replaced = {name.lower() for name in extra}
    return {**{name: value for name, value in base.items() if name.lower() not in replaced}, **extra}


def first_line(error: ValueError) -> str:
    """What an error says, without the pages and links that pydantic adds."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"{place}: {first['msg']}" if place else first["msg"]
    return str(error)


def snippet(body: bytes | str) -> str:
    """The beginning of a body on one line, for messages."""
    text = body if isinstance(body, str) else body[: 4 * _MESSAGE_LIMIT].decode("utf-8", "replace")
    flat = " ".join(text.split())
    return flat if len(flat) <= _MESSAGE_LIMIT else flat[:_MESSAGE_LIMIT] + "…"
