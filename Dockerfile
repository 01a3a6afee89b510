# syntax=docker/dockerfile:1
# docker build -t gradviz .                      any GPU that the host hands in, or the CPU: 6 GB
# docker build -t gradviz --build-arg TORCH=cpu . the CPU alone: 1.3 GB

# The Python that the tests run on.
FROM python:3.11-slim AS base

FROM base AS builder
ARG TORCH=locked
COPY requirements.lock /tmp/
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# TORCH=cpu takes torch and torchvision, in the versions that the lock names, from the PyTorch project's own index of
# builds without CUDA. Those are other files than the ones whose hashes the lock holds, so for these two, and only for
# them, the trust rests on that index (over HTTPS). All the rest, less the CUDA packages, is checked against the lock.
RUN set -eu; cd /tmp; \
    case "$TORCH" in \
    locked) \
        pip install --require-hashes -r requirements.lock ;; \
    cpu) \
        pip install --no-deps --index-url https://download.pytorch.org/whl/cpu \
            $(grep -oE '^torch(vision)?==[0-9.]+' requirements.lock); \
        awk '/^[a-z]/ { cut = /^(torch|torchvision|triton|cuda-[a-z]+|nvidia-[a-z0-9-]+)==/ } !cut' \
            requirements.lock > rest.lock; \
        pip install --no-deps --require-hashes -r rest.lock ;; \
    *) \
        echo "TORCH=$TORCH is not known: use TORCH=cpu, or leave it out."; exit 1 ;; \
    esac; \
    pip check

FROM base
RUN useradd --system --uid 10001 --no-create-home gradviz \
    && install -d -o gradviz /data
COPY --from=builder /opt/venv /opt/venv
WORKDIR /app
COPY .streamlit .streamlit
COPY assets assets
COPY docs docs
COPY gradviz_core gradviz_core
COPY pages pages
COPY app.py app.py
COPY navigation.py navigation.py
# Nothing is compiled later: at a start this would take some seconds.
RUN /opt/venv/bin/python -m compileall -q app.py navigation.py gradviz_core pages
# Only /data and /tmp are written to.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    TORCH_HOME=/data/torch \
    GRADVIZ_STORE=/data/uploads \
    STREAMLIT_SERVER_FILE_WATCHER_TYPE=none
VOLUME /data
USER gradviz
EXPOSE 8501
# An unknown path answers 200 too, with a page: only the exact body says that the app is there.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import sys, urllib.request as r; sys.exit(r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4).read() != b'ok')"]
CMD ["python", "-m", "streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501"]
