# The desk as an image. The first stage may build; the second only runs: no compiler, no pip of ours, an ordinary user, and a root
# file system that may be read-only (everything the desk writes is under /var/lib/relevo).

FROM python:3.13-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src

COPY requirements/build.txt requirements/run.txt requirements/
RUN pip install --quiet --require-hashes -r requirements/build.txt \
 && python -m venv --without-pip /opt/relevo \
 && pip --python /opt/relevo/bin/python install --quiet --require-hashes -r requirements/run.txt

COPY pyproject.toml README.md LICENSE ./
COPY requirements/run.in requirements/
COPY bot bot
COPY adapters adapters
COPY conversations conversations
COPY storage storage
RUN pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /wheels . \
 && pip --python /opt/relevo/bin/python install --quiet --no-deps /wheels/*.whl
# A desk that starts for the first time then finds what it would have to learn.
COPY content content
RUN /opt/relevo/bin/relevo content learn content/introserv


FROM python:3.13-slim

RUN groupadd --gid 10001 relevo \
 && useradd --uid 10001 --gid relevo --no-create-home --home-dir /var/lib/relevo --shell /usr/sbin/nologin relevo \
 && install --directory --owner=relevo --group=relevo --mode=0700 /var/lib/relevo

COPY --from=build /opt/relevo /opt/relevo
COPY content /usr/share/relevo/content

ENV PATH=/opt/relevo/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RELEVO_DATA_DIR=/var/lib/relevo \
    RELEVO_CONTENT_DIR=/usr/share/relevo/content/introserv \
    RELEVO_HTTP__HOST=0.0.0.0 \
    RELEVO_LOG__FORMAT=json

USER 10001:10001
WORKDIR /var/lib/relevo
VOLUME /var/lib/relevo
EXPOSE 8080
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=15s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ.get('RELEVO_HTTP__PORT', '8080') + '/health', timeout=4)"]

ENTRYPOINT ["relevo"]
CMD ["run"]
