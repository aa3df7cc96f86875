"""aiohttp's errors turned into ours: one table."""

from __future__ import annotations

from typing import Final

import aiohttp

from ..errors import APIConnectionError, APITimeoutError

FAILURES: Final = (aiohttp.ClientError, OSError, RuntimeError, ValueError)
"""What sending a request may raise."""

_CERTIFICATE_HELP: Final = (
    "the server's certificate is not trusted; behind a company proxy point SSL_CERT_FILE to its CA bundle, "
    "or pass ssl_context=ssl.create_default_context(cafile=...)"
)
_PROXY_HELP: Final = "see proxy=... and the environment variables HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
_PROXY_AUTHENTICATION: Final = (
    "the proxy asks for a user and password (407): put them into its URL, http://user:password@host:port"
)

_TRANSLATIONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _CERTIFICATE_HELP),
    (aiohttp.ClientConnectorSSLError, "no TLS connection could be made"),
    (aiohttp.ClientConnectorDNSError, "the host name could not be resolved"),
    (aiohttp.ClientProxyConnectionError, f"the proxy could not be reached ({_PROXY_HELP})"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the connection broke while the answer was being read"),
    (aiohttp.ClientResponseError, "the server's answer is not valid HTTP"),
    (aiohttp.ClientConnectionError, "the connection broke"),
)


def translate(error: BaseException) -> APIConnectionError:
    """Our error for one of aiohttp's, or for another one of `FAILURES`."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return APITimeoutError("no connection within the connect timeout", phase="connect")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return proxy_refusal(error.status, error.message)
    said = next(
        (text for kind, text in _TRANSLATIONS if isinstance(error, kind)), "the request could not be sent"
    )
    # Errors of the connector name host and cause; those of the parser speak of codes that are not the API's.
    named = isinstance(error, aiohttp.ClientConnectorError) or not isinstance(error, aiohttp.ClientError)
    translated = APIConnectionError(f"{said}: {error}" if named else said)
    transient = isinstance(error, aiohttp.ClientError | OSError)
    translated.retryable = transient and not isinstance(error, aiohttp.ClientConnectorCertificateError)
    return translated


def proxy_refusal(status: int, reason: str) -> APIConnectionError:
    """The error for a proxy that answers in place of the service."""
    refusal = APIConnectionError(
        _PROXY_AUTHENTICATION
        if status == 407
        else f"the proxy refused to connect: {status} {reason} ({_PROXY_HELP})"
    )
    refusal.retryable = status >= 500
    return refusal


def bare(error: BaseException) -> BaseException:
    """The error without its frames: they hold headers with the key, and keep the whole call alive."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


def is_stale(error: BaseException) -> bool:
    """Whether a reused connection broke before one byte of the answer: most likely the request never arrived."""
    if isinstance(error, aiohttp.ClientConnectorError):
        return False
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)
