"""Database URLs: parse, format, and hide the password.

``dialect[+driver]://user:password@host:port/database?option=value``, with libpq's forms for PostgreSQL (an empty host
and ``?host=/socket/dir``, several hosts with commas; https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS) and
``sqlite:///relative.db``, ``sqlite:////absolute.db`` and ``sqlite://`` (in memory) for SQLite. What an option means
is the dialect's business. Engines are made from a URL; the web layer parses the app's configuration with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypedDict
from urllib.parse import parse_qsl, quote, unquote, urlencode

from flask_uow.exc import ArgumentError, did_you_mean

__all__ = ["URL", "make_url", "shown", "shown_option"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9_]*(?:\+[A-Za-z0-9_]+)?)://(.*)\Z", re.DOTALL)
_FORM = "dialect://user:password@host:port/database"
# what may be a password in a value that stands in a wrong place: of a URL, whatever is before the @; of libpq's form, what follows the word
_CREDENTIALS = re.compile(r"""(://)[^\s'"]*(@)|(password\s*=\s*)[^\s'"&]+()""", re.IGNORECASE)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}\Z")
_SECRET_OPTIONS = frozenset(("password", "sslpassword"))


class _Authority(TypedDict):
    username: str | None
    password: str | None
    host: str | None
    port: int | None
    ports: tuple[int | None, ...]


@dataclass(frozen=True)
class URL:
    """Where a database is. Immutable; ``str()`` and ``repr()`` hide the password.

    :ivar drivername: the dialect, with ``+driver`` where one was named.
    :ivar username: the user, None where the driver's default is meant.
    :ivar password: the password in clear.
    :ivar host: the server's name or address; of several servers, all of them with commas between them.
    :ivar port: its port; None where there are several servers.
    :ivar ports: the ports of several servers, in the order of the hosts, None for the default one; empty where there is one server.
    :ivar database: the database's name; for SQLite the path of the file.
    :ivar query: the options behind the ``?``.

    >>> make_url("postgresql://ed:secret@localhost/blog")
    URL('postgresql://ed:***@localhost/blog')
    """

    drivername: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    host: str | None = None
    port: int | None = None
    database: str | None = None
    query: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    ports: tuple[int | None, ...] = ()

    @property
    def backend(self) -> str:
        """The dialect's name: ``postgresql`` for ``postgres://`` and ``postgresql+psycopg2://`` alike."""
        name = self.drivername.partition("+")[0].lower()
        return "postgresql" if name == "postgres" else name

    @property
    def driver(self) -> str | None:
        """The driver that the URL names, None where it leaves the choice open."""
        return self.drivername.partition("+")[2].lower() or None

    @classmethod
    def create(
        cls,
        drivername: str,
        username: str | None = None,
        password: str | None = None,
        host: str | None = None,
        port: int | None = None,
        database: str | None = None,
        query: Mapping[str, str | Sequence[str]] | None = None,
    ) -> URL:
        """Return a URL made of its parts, which are taken as they are: nothing in them needs a percent sign.

        :raises ArgumentError: for a part of the wrong kind.
        """
        parts = {
            "drivername": drivername,
            "username": username,
            "password": password,
            "host": host,
            "database": database,
        }
        for name, part in parts.items():
            if not isinstance(part, str) and (part is not None or name == "drivername"):
                # the value is not shown: it may be a password
                raise ArgumentError(
                    f"URL.create({name}=...): expected a str{'' if name == 'drivername' else ' or None'}, got {type(part).__name__}."
                )
        if port is not None and (isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536):
            given = repr(port) if isinstance(port, int) else f"a {type(port).__name__}"
            raise ArgumentError(f"URL.create(port=...): expected a number from 1 to 65535, or None, got {given}.")
        return cls(drivername, username, password, host, port, database, _checked_query(query or {}))

    def set(self, **parts: Any) -> URL:
        """Return the URL with other parts: ``url.set(database="test")``.

        :param parts: by the names of :meth:`create`.
        :raises ArgumentError: for an unknown part, or one of the wrong kind.
        """
        names = ("drivername", "username", "password", "host", "port", "database", "query")
        for name in parts:
            if name not in names:
                raise ArgumentError(
                    f"URL.set() got {name!r}.{did_you_mean(name, names)} The parts are: {', '.join(names)}."
                )
        made = URL.create(**{**{name: getattr(self, name) for name in names}, **parts})
        keeps_servers = self.ports and not {"host", "port"} & parts.keys()
        return replace(made, ports=self.ports) if keeps_servers else made

    def update_query_dict(self, query_parameters: Mapping[str, str | Sequence[str]], append: bool = False) -> URL:
        """Return the URL with options set; those that it has besides stay.

        :param append: True leaves the values that an option has, before the new ones.
        """
        given = _checked_query(query_parameters)
        if append:
            given = {
                name: _one_or_several((*_all_of(self.query.get(name, ())), *_all_of(v))) for name, v in given.items()
            }
        return self.set(query={**self.query, **given})

    def update_query_pairs(
        self, key_value_pairs: Iterable[tuple[str, str | Sequence[str]]], append: bool = False
    ) -> URL:
        """Return the URL with options set, which are given as pairs; a name that comes twice has several values."""
        return self.update_query_dict(_collected(key_value_pairs), append)

    def update_query_string(self, query_string: str, append: bool = False) -> URL:
        """Return the URL with options set, which are given as ``"name=value&name=value"``."""
        return self.update_query_pairs(parse_qsl(query_string, keep_blank_values=True), append)

    def difference_update_query(self, names: Iterable[str]) -> URL:
        """Return the URL without some of its options."""
        left_out = set(names)
        return self.set(query={name: value for name, value in self.query.items() if name not in left_out})

    @property
    def normalized_query(self) -> Mapping[str, tuple[str, ...]]:
        """The options, each with its values in a tuple."""
        return {name: _all_of(value) for name, value in self.query.items()}

    def get_backend_name(self) -> str:
        """Return the dialect's name; see :attr:`backend`."""
        return self.backend

    def get_driver_name(self) -> str:
        """Return the name of the driver: the one that the URL names, or the one that its database has here."""
        return self.driver or {"postgresql": "psycopg2", "sqlite": "pysqlite"}.get(self.backend, "")

    def translate_connect_args(self, names: Sequence[str] = (), **renamed: str) -> dict[str, Any]:
        """Return those parts that are given as a dict, for a driver's ``connect()``.

        :param names: other names for host, database, username, password and port, in this order.
        :param renamed: other names by the parts' own: ``username="user"``.
        """
        own = ("host", "database", "username", "password", "port")
        called = {**dict(zip(own, names, strict=False)), **renamed}
        parts = ((called.get(name, name), getattr(self, name)) for name in own)
        return {name: part for name, part in parts if part not in (None, "") and name}

    def render_as_string(self, hide_password: bool = True) -> str:
        """Return the URL as text; another name of :meth:`render`."""
        return self.render(hide_password)

    def render(self, hide_password: bool = True) -> str:
        """Return the URL as text.

        :param hide_password: write ``***`` instead of the password.
        """
        text = f"{self.drivername}://"
        if self.username is not None:
            text += quote(self.username, safe="")
        if self.password is not None:
            text += ":***" if hide_password else ":" + quote(self.password, safe="")
        if self.username is not None or self.password is not None:
            text += "@"
        hosts = (self.host or "").split(",") if self.ports else [self.host or ""]
        ports = self.ports or (self.port,)
        text += ",".join(_render_address(host, port) for host, port in zip(hosts, ports, strict=True))
        if self.database is not None:
            text += "/" + (self.database if self.backend == "sqlite" else quote(self.database, safe=""))
        if self.query:
            shown = {k: "***" if hide_password and k in _SECRET_OPTIONS else v for k, v in self.query.items()}
            text += "?" + urlencode(shown, doseq=True, safe="/:*")
        return text

    def __str__(self) -> str:
        return self.render()

    def __repr__(self) -> str:
        return f"URL({self.render()!r})"

    def __hash__(self) -> int:
        # the dict of the options has no hash
        return hash(self.render(hide_password=False))


def _checked_query(query: Mapping[str, str | Sequence[str]]) -> dict[str, str | tuple[str, ...]]:
    if isinstance(query, Mapping):
        made = {name: value if isinstance(value, str) else _one_or_several(value) for name, value in query.items()}
        if all(isinstance(part, str) for name, value in made.items() for part in (name, *_all_of(value))):
            return made
    raise ArgumentError("the options of a URL are a mapping of texts, or of lists of them: {'sslmode': 'require'}.")


def _all_of(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def _one_or_several(values: object) -> Any:
    """Return the values of an option: a single one as it is; what is no list, for the error, too."""
    if not isinstance(values, (list, tuple)):
        return (values,)
    return values[0] if len(values) == 1 else tuple(values)


def _collected(pairs: Iterable[tuple[str, str | Sequence[str]]]) -> dict[str, str | tuple[str, ...]]:
    made: dict[str, Any] = {}
    for name, value in pairs:
        values = (value,) if isinstance(value, str) else tuple(value)
        made[name] = (*made.get(name, ()), *values)
    return {name: _one_or_several(values) for name, values in made.items()}


def make_url(url: str | URL) -> URL:
    """Return ``url`` parsed; a URL is returned as it is.

    :raises ArgumentError: when the text is no database URL. The message never repeats the text: it may hold a password.
    """
    if isinstance(url, URL):
        return url
    if not isinstance(url, str):
        raise ArgumentError(f"a database URL is a str or a URL, got {type(url).__name__}. Write it as {_FORM!r}.")
    match = _SCHEME.match(url.strip())
    if match is None:
        raise ArgumentError(f"the database URL could not be parsed: expected {_FORM!r}, or 'sqlite:///file.db'.")
    drivername, rest = match.groups()
    # the options first, since a "/" may stand in them
    rest, _, options = rest.partition("?")
    authority, slash, path = rest.partition("/")
    parts = _parse_authority(drivername, authority)
    is_sqlite = drivername.lower().startswith("sqlite")
    if is_sqlite and authority:
        raise ArgumentError(
            "a SQLite URL has no host: write 'sqlite:///relative.db' with three slashes, 'sqlite:////absolute.db' with "
            "four, or 'sqlite://' for a database in memory."
        )
    if not is_sqlite and "@" in path:
        raise ArgumentError(
            f"the {drivername} URL has an '@' behind its first '/': expected {_FORM!r}. Percent-encode '/', '?', '@', ':' and ',' where they"
            " occur in a user name or a password, and '@' (%40) in the name of a database."
        )
    # the path of a file may have a percent sign in it
    database = (path if is_sqlite else unquote(path)) if slash and path else None
    return URL(drivername, database=database, query=_collected(parse_qsl(options, keep_blank_values=True)), **parts)


def single_options(url: URL) -> dict[str, str]:
    """Return the options of a URL, for a database that takes one value of each.

    :raises ArgumentError: for an option that comes twice.
    """
    for name, value in url.query.items():
        if not isinstance(value, str):
            raise ArgumentError(
                f"the URL has the option {shown_option(name)} {len(value)} times, and it is taken once. Leave the others out."
            )
    return {name: value for name, value in url.query.items() if isinstance(value, str)}


def shown(value: object) -> str:
    """Return ``repr(value)`` as an error message shows it: without a password, should it be a database URL that stands in a wrong place."""
    return _CREDENTIALS.sub(lambda match: f"{match[1] or match[3]}***{match[2] or ''}", repr(value))


def shown_option(name: str) -> str:
    """Return the name of an unknown option of a URL; what looks like none may be the end of a password, and is not shown."""
    return (
        repr(name)
        if _PLAIN_NAME.match(name)
        else "(not shown: it may be part of a password with a '?', which is written %3F)"
    )


def _render_address(host: str, port: int | None) -> str:
    shown = f"[{host}]" if ":" in host else quote(host, safe="")
    return shown if port is None else f"{shown}:{port}"


def _parse_authority(drivername: str, authority: str) -> _Authority:
    """Return user, password, hosts and ports of ``user:password@host:port,host:port``, each of which may be missing."""
    # the last "@", since a password may have one that nobody has written as %40
    userinfo, at, addresses = authority.rpartition("@")
    username, colon, password = userinfo.partition(":")
    parts: _Authority = {"username": None, "password": None, "host": None, "port": None, "ports": ()}
    if at:
        parts["username"] = unquote(username) or None
        parts["password"] = unquote(password) if colon else None
    found = [_parse_address(drivername, address) for address in addresses.split(",")]
    if len(found) > 1:
        parts["host"] = ",".join(host for host, _ in found)
        parts["ports"] = tuple(port for _, port in found)
    else:
        parts["host"], parts["port"] = found[0][0] or None, found[0][1]
    return parts


def _parse_address(drivername: str, address: str) -> tuple[str, int | None]:
    host, colon, port = address.rpartition(":") if not address.endswith("]") else (address, "", "")
    if not colon:
        host, port = address, ""
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ArgumentError(
            f"the {drivername} URL has a port that is no number from 1 to 65535: expected {_FORM!r}. "
            "Percent-encode '/', '?', '@', ':' and ',' where they occur in a user name or a password."
        )
    if host.startswith("[") != host.endswith("]"):
        raise ArgumentError(
            f"the {drivername} URL has a host with one bracket only: write an IPv6 address in a pair of them, as in"
            f" '{drivername}://user:password@[::1]:5432/database'."
        )
    if ":" in host and not host.startswith("["):
        raise ArgumentError(
            f"the {drivername} URL has a host with colons: write an IPv6 address in brackets, as in"
            f" '{drivername}://user:password@[::1]:5432/database', and percent-encode '@' and ':' in a user name or a password."
        )
    return unquote(host.removeprefix("[").removesuffix("]")), int(port) if port else None
