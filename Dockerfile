# playfold as one image: what a container does is its command, `worker`, `gateway`, `nightly`, `topics create`, ...
# Kafka is a container of its own, so there is no Java in here.
ARG PYTHON=3.11.13-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
# The compiler stays in this stage, so whichever version Debian has today leaves no trace in the image.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
# Annoy would compile for the very processor of this machine, and end with an illegal instruction on an older one.
ENV ANNOY_COMPILER_ARGS="-O3,-ffast-math,-fno-associative-math,-DANNOYLIB_MULTITHREADED_BUILD,-std=c++14" \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/playfold
WORKDIR /src
# What is locked changes less often than the code: this layer is kept while the lock file is the same.
COPY requirements.lock ./
RUN /opt/playfold/bin/pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY agents agents
COPY cli cli
COPY jobs jobs
COPY model model
COPY state state
COPY streams streams
COPY web web
RUN /opt/playfold/bin/pip install --no-deps --no-build-isolation .

FROM python:${PYTHON}
RUN groupadd --gid 10001 playfold \
    && useradd --uid 10001 --gid playfold --no-create-home --home-dir /data --shell /usr/sbin/nologin playfold \
    && install --directory --owner=playfold --group=playfold --mode=0750 /data /generations /kernels
COPY --from=build /opt/playfold /opt/playfold
# numba reads its cache only where it may write, too: beside the sources it would find nothing it may use.
ENV PATH=/opt/playfold/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    NUMBA_CACHE_DIR=/kernels \
    MPLCONFIGDIR=/tmp/matplotlib \
    PLAYFOLD_DATA_DIR=/data \
    PLAYFOLD_GENERATION_STORE=/generations \
    PLAYFOLD_METRICS_HOST=0.0.0.0 \
    PLAYFOLD_METRICS_PORT=9100
USER 10001:10001
WORKDIR /data
RUN python -c 'from agents.worker import warm_up; warm_up()'
EXPOSE 8080 9100
# That of a worker; docker-compose.yml has the gateway's.
HEALTHCHECK --interval=10s --timeout=5s --start-period=90s --retries=3 \
    CMD ["python", "-c", "import urllib.request as ask; ask.urlopen('http://127.0.0.1:9100/metrics', timeout=4).read()"]
ENTRYPOINT ["playfold"]
CMD ["worker", "--json"]
