# evalh for CPUs, and with --build-arg CUDA=1 for NVIDIA GPUs too.
#
#   docker build -t evalh .
#   docker run --rm -v "$PWD/out:/work" evalh demo        # the demo; its page lands in out/results
#   docker run --rm -v "$PWD:/work" -v /weights:/weights -v /data:/data \
#       -e EVALH_WEIGHTS=/weights -e EVALH_DATA=/data evalh run configs/perturb_vim_s.ini
#   docker build -t evalh-cuda --build-arg BASE=nvidia/cuda:12.4.1-devel-ubuntu22.04 --build-arg CUDA=1 .
#   docker run --gpus all ...
ARG BASE=debian:12-slim
FROM ${BASE}
ARG CUDA=0
ENV DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
COPY . /src
RUN cd /src && ./scripts/setup.sh \
    && meson setup build --prefix /usr/local -Dcuda=$([ "$CUDA" = 1 ] && echo enabled || echo disabled) \
    && ninja -C build harness/evalh harness/docs/man1 && meson install -C build --no-rebuild --skip-subprojects \
    && rm -rf /src/build && rm -rf /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["/src/scripts/container.sh"]
CMD ["--help"]
