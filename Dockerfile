# The server as an image, without the terminal client and the tests: docs/operations.md, "Docker".
#
#   docker build -t open-realtime-server .                                   # the embedded stack
#   docker build -t open-realtime-server --target local .                    # whisper and kokoro
#   docker build … --target local --build-arg WITH="whisper piper cuda" .    # names in requirements/
#   docker build … --target local --build-arg DOWNLOAD=local .               # and the models within
#   docker build … --target models .                                         # ... as a server of models
#
# `make container` builds the first and tries it.
ARG PYTHON_IMAGE=python:3.13-slim

# --- the packages of the server, at the versions and hashes of the lock ---
FROM ${PYTHON_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    PIP_PYTHON=/opt/venv/bin/python PATH=/opt/venv/bin:$PATH OPEN_REALTIME_SERVER_IMAGE=1
# It only takes debugging symbols away here: whichever version Debian has will do.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends binutils \
    && rm -rf /var/lib/apt/lists/* \
    && PIP_PYTHON='' python -m venv --without-pip /opt/venv
WORKDIR /app
COPY requirements.lock ./
# Bytecode is for what is used, further down: all of it would be 140 MB.
RUN pip install --no-compile --no-deps --require-hashes -r requirements.lock
COPY requirements.txt ./
COPY requirements ./requirements
COPY settings ./settings

# --- the embedded stack: speaks and hears without a key, a hub or a network ---
FROM packages AS embedded-packages
ARG WITH=""
# Besides WITH: what an addition to compose.yaml needs.
ARG ALSO=""
# It is for the others: this stack fetches none.
ARG DOWNLOAD=""
RUN if [ -n "$DOWNLOAD" ]; then \
        echo "error: DOWNLOAD goes with --target local or models (of Compose: TARGET=local)" >&2; \
        exit 1; \
    fi
# hadolint ignore=DL3013,SC2086
RUN files=$(sh requirements/locked_files.sh $WITH $ALSO) \
    && pip install --no-compile --no-deps --require-hashes -r requirements/embedded.txt $files \
    && sh requirements/slim_down.sh pocketsphinx
COPY . .
# It says a sentence, understands it and answers: an image that cannot is not built.
RUN python main.py --check && python -c "import models_http.command"

# --- engines in place of the embedded ones ---
FROM packages AS local-packages
ARG WITH="whisper kokoro"
ARG ALSO=""
# hadolint ignore=DL3013,SC2086
RUN files=$(sh requirements/locked_files.sh $WITH $ALSO) \
    && pip install --no-deps --require-hashes $files \
    && sh requirements/slim_down.sh
COPY . .
RUN python -c "import main, serving.stack_check, models_http.command"
# A profile whose models come into the image, which then needs no network; mirrors they come from.
ARG DOWNLOAD=""
ARG HF_ENDPOINT
ARG GITHUB_ENDPOINT
RUN mkdir /opt/models \
    && if [ -n "$DOWNLOAD" ]; then \
        HF_HUB_DISABLE_TELEMETRY=1 REALTIME_MODELS__DIR=/opt/models \
        python main.py --download "$DOWNLOAD"; \
    fi

# --- what runs ---
FROM ${PYTHON_IMAGE} AS runtime
# What its libraries would report to their makers is off; so it is for whatever else runs in here.
ENV ORT_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_TELEMETRY=1 DO_NOT_TRACK=1 \
    PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 OPEN_REALTIME_SERVER_IMAGE=1 \
    HOME=/var/cache/open-realtime-server XDG_CACHE_HOME=/var/cache/open-realtime-server \
    REALTIME_SERVER__HOST=0.0.0.0 REALTIME_SERVER__LOG_JSON=true
# A number, since Kubernetes' runAsNonRoot knows no names.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir "$HOME" realtime \
    && install --directory --owner=10001 --group=10001 --mode=0750 "$HOME"
WORKDIR /app
EXPOSE 8000 8000/udp
STOPSIGNAL SIGTERM
USER 10001:10001
# Models that are fetched; with it, the root may be read-only.
VOLUME /var/cache/open-realtime-server
# The first start may fetch models.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["python", "-IS", "serving/process/health_check.py", "REALTIME_SERVER__PORT", "8000"]
ENTRYPOINT ["python", "main.py"]

FROM runtime AS local
COPY --from=local-packages /opt/venv /opt/venv
COPY --from=local-packages /opt/models /opt/models
COPY --from=local-packages /app /app
# Not below the volume, where an engine's older files would hide them.
ARG DOWNLOAD=""
ENV REALTIME_PROFILE=${DOWNLOAD:-local} REALTIME_MODELS__DIR=${DOWNLOAD:+/opt/models}
# NVIDIA's libraries, where WITH names cuda: CTranslate2 looks for them by name.
USER 0:0
RUN for folder in /opt/venv/lib/python3*/site-packages/nvidia/*/lib; do \
        if [ -d "$folder" ]; then echo "$folder" >>/etc/ld.so.conf.d/nvidia.conf; fi; \
    done \
    && ldconfig
USER 10001:10001

# --- the same engines as a server of models: docs/model-server.md ---
FROM local AS models
EXPOSE 8001
HEALTHCHECK --interval=10s --timeout=5s --start-period=15m --retries=3 \
    CMD ["python", "-IS", "serving/process/health_check.py", "REALTIME_MODEL_SERVER__PORT", "8001"]
ENTRYPOINT ["python", "-m", "models_http"]

# The last one is what `docker build .` builds.
FROM runtime AS embedded
COPY --from=embedded-packages /opt/venv /opt/venv
COPY --from=embedded-packages /app /app
