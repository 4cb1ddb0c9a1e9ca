"""The tokens of programs that use the operators' API: named, with scopes, revocable. Only the SHA-256 of a
token is stored: it has 256 random bits, so nobody finds it by trying.

All of them are one value in the store, since there are few, and one is looked up with each request.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from publisher.core.errors import UsageError
from publisher.ports import Store

META = "api_tokens"

MAX_TOKENS = 200
"""Tokens that are remembered; those revoked first are forgotten first."""


class ApiScope(StrEnum):
    """What a token allows."""

    SUBSCRIBERS_READ = "subscribers:read"
    SUBSCRIBERS_WRITE = "subscribers:write"
    MAILINGS_READ = "mailings:read"
    MAILINGS_WRITE = "mailings:write"
    POSTS_READ = "posts:read"
    METRICS = "metrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token: `digest` is its SHA-256 in hex. `revoked_at` is None while it is valid."""

    name: str
    digest: str
    scopes: tuple[ApiScope, ...]
    created_at: datetime
    revoked_at: datetime | None = None


def api_tokens(store: Store) -> Sequence[ApiToken]:
    """Every token, the oldest first; also those that were revoked."""
    kept: list[dict[str, Any]] = json.loads(store.meta(META) or "[]")
    return [
        ApiToken(
            name=row["name"],
            digest=row["digest"],
            scopes=tuple(ApiScope(scope) for scope in row["scopes"]),
            created_at=datetime.fromisoformat(row["created_at"]),
            revoked_at=datetime.fromisoformat(row["revoked_at"]) if row["revoked_at"] else None,
        )
        for row in kept
    ]


def find_api_token(store: Store, digest: str) -> ApiToken | None:
    """Returns the valid token that has this digest, or None."""
    return next((one for one in api_tokens(store) if one.digest == digest and one.revoked_at is None), None)


def add_api_token(
    store: Store, name: str, digest: str, scopes: Collection[ApiScope], now: datetime
) -> ApiToken:
    """Stores a new token, under a lock that the caller holds. Raises UsageError: the name was used before, so
    that what a log says of it means one token; or there are too many.
    """
    known = list(api_tokens(store))
    if any(one.name == name for one in known):
        raise UsageError(name, "there is or was a token of this name", "choose another name")
    made = ApiToken(name=name, digest=digest, scopes=tuple(sorted(set(scopes))), created_at=now)
    revoked = sorted((one for one in known if one.revoked_at), key=lambda one: one.revoked_at or now)
    if len(known) >= MAX_TOKENS:
        if not revoked:
            raise UsageError(name, f"there are {MAX_TOKENS} tokens", "revoke some first")
        known.remove(revoked[0])
    _save(store, [*known, made])
    return made


def revoke_api_token(store: Store, name: str, now: datetime) -> ApiToken:
    """Makes a token invalid at once, under a lock that the caller holds. Raises UsageError."""
    known = api_tokens(store)
    found = next((one for one in known if one.name == name), None)
    if found is None:
        raise UsageError(name, "there is no token of this name", "`publisher keys api` lists them")
    revoked = found if found.revoked_at else replace(found, revoked_at=now)
    _save(store, [revoked if one is found else one for one in known])
    return revoked


def _save(store: Store, tokens: Sequence[ApiToken]) -> None:
    rows = [
        asdict(one)
        | {
            "created_at": one.created_at.isoformat(),
            "revoked_at": one.revoked_at.isoformat() if one.revoked_at else None,
        }
        for one in tokens
    ]
    store.set_meta(META, json.dumps(rows))
