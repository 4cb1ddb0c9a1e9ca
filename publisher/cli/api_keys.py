"""keys api: makes, lists and revokes the tokens of programs that use the operators' API."""

import secrets

import click

from publisher.cli.common import SiteOptions, echo, local, say, show_json, show_table, site_options
from publisher.cli.help import NearestChoice, command
from publisher.core.errors import UsageError
from publisher.services.operations.api_tokens import (
    ApiScope,
    add_api_token,
    api_tokens,
    revoke_api_token,
)


@command(
    "api",
    examples=(
        ("List the tokens", "publisher keys api"),
        (
            "Make one for a program that signs readers up",
            "publisher keys api shop --scope subscribers:write",
        ),
        ("Take it back", "publisher keys api shop --revoke"),
    ),
)
@click.argument("name", required=False)
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=NearestChoice([scope.value for scope in ApiScope]),
    metavar="SCOPE",
    help=f"What the token allows: {', '.join(ApiScope)}. Repeatable.",
)
@click.option("--revoke", is_flag=True, help="Make the token invalid, at once and for good.")
@site_options(as_json=True)
def api(name: str | None, scopes: tuple[str, ...], revoke: bool, site: SiteOptions, as_json: bool) -> None:
    """List the tokens of the operators' API, make one for the program NAME, or revoke it.

    A new token is printed once; the store keeps only its SHA-256.
    """
    from publisher.app.secret_files import check_token_name, token_digest

    if name is None:
        if scopes or revoke:
            raise UsageError("keys api", "needs the NAME of a token", "publisher keys api NAME ...")
        list_tokens(site, as_json=as_json)
        return
    if revoke and scopes:
        raise UsageError("keys api", "either makes a token or revokes it", "leave out --scope or --revoke")
    app = site.open()
    now = app.time_to_write()
    with app.lock("api tokens"):
        if revoke:
            revoke_api_token(app.store, name, now)
            say(f"{name}: revoked; requests with it are refused from now on")
            return
        if not scopes:
            raise UsageError("--scope", "is missing", f"name what it allows: {', '.join(ApiScope)}")
        check_token_name(name)
        token = f"publisher_{secrets.token_urlsafe(32)}"
        made = add_api_token(app.store, name, token_digest(token), [ApiScope(one) for one in scopes], now)
    if as_json:
        show_json({"name": name, "token": token, "scopes": list(made.scopes)})
    else:
        echo(token)
    say("keep it: it is not shown again")
    if app.settings.web.admin_token_file is None:
        say("the API is off: `publisher keys admin NAME` says how to turn the admin listener on")


def list_tokens(site: SiteOptions, *, as_json: bool) -> None:
    """Prints every token, revoked ones too."""
    app = site.open(reads=True, last_good=True)
    found = api_tokens(app.store)
    if as_json:
        show_json(
            [
                {
                    "name": one.name,
                    "scopes": list(one.scopes),
                    "created": one.created_at,
                    "revoked": one.revoked_at,
                }
                for one in found
            ]
        )
        return
    show_table(
        ("name", "state", "made", "scopes"),
        (
            (
                one.name,
                "revoked" if one.revoked_at else "valid",
                local(app, one.created_at),
                " ".join(one.scopes),
            )
            for one in found
        ),
    )
    if not found:
        say("no token yet")
