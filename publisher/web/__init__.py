"""HTTP: reading and subscribing. Starlette and uvicorn live here.

server         uvicorn in this process, its port bound first
child_process  the server in a process of its own
application    where a request goes: documents or pages; what is answered when something fails
rate_limits    who a client is, how often sign-ups are taken, and what was refused
documents/     files under public/: what a request asks, what it is answered with, what is kept in memory
pages/         sign-up, what links in mails open, preferences, and what is kept of a reader
"""

from publisher.web.application import asgi

__all__ = ["asgi"]
