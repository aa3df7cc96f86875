"""How connections are made: proxy, TLS, resolver, or a session of the caller's; decided without I/O."""

from __future__ import annotations

import ssl
from base64 import b64encode
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from ..errors import ConfigurationError
from .options import Limits
from .request import Secret, hidden

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    import aiohttp
    from aiohttp.abc import AbstractResolver

    from .options import ClientOptions

_DEFAULT_PORTS = {"http": 80, "https": 443}
_OF_CONNECTIONS = ("proxy", "ssl_context", "resolver")


class Proxy(NamedTuple):
    """A forward proxy."""

    url: str
    """Without user and password."""
    authorization: Secret | None
    """What to present to it."""


class Network(NamedTuple):
    """How a client reaches the service."""

    limits: Limits
    proxy: Proxy | None = None
    ssl_context: ssl.SSLContext | None = None
    resolver: AbstractResolver | None = None
    session: aiohttp.ClientSession | None = None


def find_network(options: ClientOptions, base_url: str) -> Network:
    """The network that a client's options ask for.

    Raises:
        ConfigurationError: an option that cannot work, or two that exclude each other.
    """
    limits, context = options.get("limits"), options.get("ssl_context")
    if limits is not None and not isinstance(limits, Limits):
        raise ConfigurationError(f"limits must be Limits(...), not {type(limits).__name__}")
    if context is not None and not isinstance(context, ssl.SSLContext):
        raise ConfigurationError(
            f"ssl_context must be an ssl.SSLContext, such as ssl.create_default_context(cafile=...), not {type(context).__name__}"
        )
    session = options.get("session")
    if session is not None:
        _refuse_beside_session(options)
        return Network(limits or Limits(), session=session)
    return Network(
        limits or Limits(),
        proxy=find_proxy(base_url, options.get("proxy"), trust_env=options.get("trust_env", True)),
        ssl_context=context,
        resolver=options.get("resolver"),
    )


def _refuse_beside_session(options: ClientOptions) -> None:
    given = [name for name in _OF_CONNECTIONS if options.get(name) is not None]
    if given:
        raise ConfigurationError(
            f"a session of your own makes its own connections: set {given[0]} on the session, not on the client"
        )


def find_proxy(base_url: str, proxy: str | None, *, trust_env: bool) -> Proxy | None:
    """The proxy for a base URL: the given one, else the environment's, if that counts.

    The environment is HTTPS_PROXY or HTTP_PROXY by the scheme of the URL, then ALL_PROXY, and where
    none is set the settings of the operating system. It never counts for the machine itself.

    Raises:
        ConfigurationError: the proxy cannot be used; the message shows no part of its address.
    """
    if proxy is not None:
        return _parse_proxy(proxy, "proxy")
    target = urlsplit(base_url)
    known = {name: hidden(url) for name, url in getproxies().items()} if trust_env else {}
    scheme = next((name for name in (target.scheme, "all") if known.get(name)), None)
    if scheme is None or _goes_direct(target, known.get("no", "")):
        return None
    found = known[scheme]
    return _parse_proxy(hidden(found if "://" in found else f"http://{found}"), f"{scheme.upper()}_PROXY")


def _goes_direct(target: SplitResult, exceptions: str) -> bool:
    host = target.hostname or ""
    address = _address(host)
    if host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback):
        return True
    if proxy_bypass(f"{host}:{target.port or _DEFAULT_PORTS[target.scheme]}"):
        return True
    networks = [part.strip() for part in exceptions.split(",") if "/" in part]
    return address is not None and any(_holds(network, address) for network in networks)


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _holds(network: str, address: IPv4Address | IPv6Address) -> bool:
    try:
        return address in ip_network(network, strict=False)
    except ValueError:
        return False


def _parse_proxy(url: Any, name: str) -> Proxy:
    found = _read_proxy(url) if isinstance(url, str) else None
    if found is None:
        raise ConfigurationError(
            f"{name} must look like http://host:3128 or http://user:password@host:3128, http or https; SOCKS "
            "needs a session=... with a connector for it, and trust_env=False leaves the environment's proxy aside"
        )
    return found


def _read_proxy(url: str) -> Proxy | None:
    try:
        parts = urlsplit(url.strip())
        usual = _DEFAULT_PORTS[parts.scheme]
        port = parts.port or usual
    except (ValueError, KeyError):
        return None
    if not parts.hostname:
        return None
    place = f"[{parts.hostname}]:{port}" if ":" in parts.hostname else f"{parts.hostname}:{port}"
    if parts.username is None:
        return Proxy(f"{parts.scheme}://{place}", None)
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(f"{parts.scheme}://{place}", Secret("Basic " + b64encode(pair.encode()).decode()))
