"""HTTP: reading and subscribing. Starlette and uvicorn live here.

server       uvicorn in this process, its port bound first
application  where a request goes: documents or pages; what is said when something fails
quick        requests for what is in memory, answered before ASGI; what a connection may cost
documents    files under public/ as a bare ASGI handler
files        which file a path means, and which are kept in memory; file: one of them, in each encoding
asking       what a request asks; responding: what it is answered with
conditional  conditional requests, RFC 9110; negotiation: which encoding is sent
standing     what the store says that every answer depends on: the next post, what moved
media        media types
signup       the sign-up form
tokenpages   what links in mails open: confirm, unsubscribe
forms        bodies within bounds, fields, form tokens
limits       how often sign-ups are taken
answers      pages as responses, and the headers all of them carry
"""

from publisher.web.application import asgi

__all__ = ["asgi"]
