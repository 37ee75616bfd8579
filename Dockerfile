# syntax=docker/dockerfile:1
# One image for all programs of the service; `afgen serve` unless told otherwise.
#
#   docker build -t afgen .
#   docker build -t afgen:gpu --build-arg TORCH_INDEX=https://download.pytorch.org/whl/cu128 .
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_EXTRA_INDEX_URL=${TORCH_INDEX} \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /source
RUN python -m venv /opt/afgen
ENV PATH=/opt/afgen/bin:${PATH}
# What the project needs changes seldom: it is a layer of its own, made for empty packages.
COPY pyproject.toml README.md LICENSE ./
RUN for name in afgen api workers migrations; do mkdir ${name} && touch ${name}/__init__.py; done \
    && pip install '.[service]' \
    && pip install --force-reinstall --no-deps 'opencv-contrib-python-headless>=4.11,<4.12'
COPY afgen afgen
COPY api api
COPY workers workers
COPY migrations migrations
RUN pip install --force-reinstall --no-deps . \
    && python -m compileall -q /opt/afgen/lib

FROM python:${PYTHON}
RUN useradd --uid 10001 --create-home --home-dir /home/afgen afgen \
    && install --directory --owner=afgen --group=afgen /scratch /weights
COPY --from=build /opt/afgen /opt/afgen
# The root file system may be read-only: whatever is written goes to /scratch.
ENV PATH=/opt/afgen/bin:${PATH} \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    TMPDIR=/scratch \
    NUMBA_CACHE_DIR=/scratch/numba \
    MPLCONFIGDIR=/scratch/matplotlib \
    AFGEN_WEIGHTS=/weights
USER afgen
WORKDIR /home/afgen
VOLUME ["/scratch", "/weights"]
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["afgen"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
