"""feeds snippet: configuration for a web server that serves public/ by itself."""

import click

from publisher.cli.common import Site, echo, site_options
from publisher.services.feeds.server_snippets import SERVERS, snippet


@click.command("snippet")
@site_options()
@click.argument("server", metavar="SERVER", type=click.Choice(list(SERVERS)))
def snippet_(site: Site, server: str) -> None:
    """Prints configuration for a web server that serves public/ by itself.

    SERVER is nginx, apache, caddy, or, for hosts such as Netlify and Cloudflare Pages, headers (their file
    _headers) or redirects (their file _redirects). Print it again when feeds change or move.
    """
    app = site.open()
    web = app.settings.web
    echo(snippet(app.parts, server, app.public.resolve(), f"{web.host}:{web.port}"), nl=False)
