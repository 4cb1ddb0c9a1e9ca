# syntax=docker/dockerfile:1
# Build: docker build -t publisher .        Run: docker run -p 8000:8000 -v mysite:/site publisher

FROM python:3.13-slim AS build
WORKDIR /src
RUN python -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir uv
ENV UV_PROJECT_ENVIRONMENT=/opt/publisher UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_NO_CACHE=1
# What others wrote changes seldom: a layer of its own, from the lock.
COPY pyproject.toml uv.lock ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project
COPY README.md LICENSE CHANGELOG.md ./
COPY publisher publisher
COPY templates templates
COPY config config
COPY examples examples
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-editable

FROM python:3.13-slim
LABEL org.opencontainers.image.title="Publisher" \
      org.opencontainers.image.description="A folder of Markdown posts into feeds and email digests" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --create-home --home-dir /home/publisher publisher \
    && mkdir /site && chown publisher:publisher /site
COPY --from=build /opt/publisher /opt/publisher
COPY --chmod=755 scripts/container /usr/local/bin/publisher-container
ENV PATH=/opt/publisher/bin:$PATH PYTHONUNBUFFERED=1 PUBLISHER_SITE=/site PUBLISHER_WEB__LISTEN=0.0.0.0:8000
USER publisher
WORKDIR /site
VOLUME /site
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PUBLISHER_WEB__LISTEN'].rpartition(':')[2] + '/healthz', timeout=4)"]
ENTRYPOINT ["publisher-container"]
CMD ["run", "--last-good"]
