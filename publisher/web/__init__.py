"""HTTP: reading and subscribing. Starlette and uvicorn live here.

server       uvicorn in this process, its port bound first
application  where a request goes: documents or pages; what is said when something fails
documents    files under public/ as a bare ASGI handler
files        which file a path means, and what is kept of it in memory
conditional  conditional requests, RFC 9110
signup       the sign-up form
tokenpages   what links in mails open: confirm, unsubscribe
forms        bodies within bounds, fields, form tokens
limits       how often sign-ups are taken
answers      pages as responses, and the headers all of them carry
"""

from publisher.web.application import asgi

__all__ = ["asgi"]
