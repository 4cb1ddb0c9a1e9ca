"""HTTP: reading and subscribing. The only package that imports Starlette and uvicorn.

server         uvicorn in this process, its port bound first
child_process  the server in a process of its own
connections    how many are open, how long a request may take to arrive, and the fast path past ASGI
application    routes requests to documents or pages, and answers when something fails
rate_limits    who a client is, how often it may sign up, and which requests were refused
documents/     files under public/: parsing requests, caching, making responses
pages/         sign-up, the links in mails, preferences, and a subscriber's own data
admin/         the pages of operators, on a listener of their own
preview        the server of `preview --serve`
"""

from publisher.web.application import asgi

__all__ = ["asgi"]
