# syntax=docker/dockerfile:1
# Two images from one file: `--target web` (also worker, sweeper, migrations) and `--target nginx`.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
WORKDIR /srv/vitrine
COPY requirements.txt constraints.txt ./
# Wheels; pyvips has none, but is pure Python without a compiler (its libvips is pyvips-binary). The test tools at the
# end of the list stay out.
RUN sed '/^# Tests:/,$d' requirements.txt >runtime.txt \
    && pip install --only-binary :all: --no-binary pyvips --requirement runtime.txt
COPY . .
# Hashed and compressed; the key signs nothing and stays in no image.
RUN ENV_FILE=/dev/null DEBUG=False USE_S3=False EMAIL_URL=memorymail:// \
    SECRET_KEY=only-for-collectstatic-0123456789-0123456789-0123456789 \
    python manage.py collectstatic --no-input \
    && python -m compileall -q .

FROM nginx:1.28.0-alpine AS nginx
COPY --from=build /srv/vitrine/staticfiles /srv/static
COPY deploy/nginx /etc/nginx/templates
# Paths, no secrets; every one may be set anew.
# hadolint ignore=DL3064
ENV NGINX_ENVSUBST_FILTER=^NGINX_ \
    NGINX_FRONT=balancer \
    NGINX_HTTP_PORT=80 \
    NGINX_HTTPS_PORT=443 \
    NGINX_CERTIFICATE=/etc/vitrine/tls/fullchain.pem \
    NGINX_CERTIFICATE_KEY=/etc/vitrine/tls/privkey.pem \
    NGINX_TRUSTED_PROXY=255.255.255.255 \
    NGINX_UPSTREAM="server web:8000;" \
    NGINX_MEDIA_ROOT=/srv/media/public \
    NGINX_PRIVATE_MEDIA_ROOT=/srv/media/private \
    NGINX_STATIC_ROOT=/srv/static \
    NGINX_MAX_REQUEST_BYTES=534773760 \
    NGINX_MAX_FORM_BYTES=105119744 \
    NGINX_LOG_DIR=/var/log/nginx
RUN rm /etc/nginx/conf.d/default.conf
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
    CMD ["sh", "-c", "nc -z 127.0.0.1 \"$NGINX_HTTP_PORT\""]

FROM ${PYTHON} AS web
RUN groupadd --gid 10001 vitrine \
    && useradd --uid 10001 --gid vitrine --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin vitrine \
    && install --directory --owner=vitrine --group=vitrine /srv/media/public /srv/media/private /srv/media/tmp
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/vitrine /srv/vitrine
# Paths, no secrets.
# hadolint ignore=DL3064
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ENV_FILE=/dev/null \
    PORT=8000 \
    MEDIA_ROOT=/srv/media/public \
    PRIVATE_MEDIA_ROOT=/srv/media/private
WORKDIR /srv/vitrine
USER 10001:10001
EXPOSE 8000
# gunicorn ends what is under way on SIGTERM, and reaps its own children: it needs no init before it.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "deploy/healthcheck.py"]
CMD ["gunicorn", "--config", "config/gunicorn.py"]
