# evalh for CPUs; with the two arguments below for NVIDIA GPUs too.
#
#   docker build -t evalh .
#   docker run --rm evalh --help
#   docker run --rm -v "$PWD/out:/work" --entrypoint /src/scripts/demo.sh evalh
#   docker run --rm -v "$PWD:/work" -v /weights:/weights:ro -v /data:/data:ro \
#       -e EVALH_WEIGHTS=/weights -e EVALH_DATA=/data evalh run configs/perturb_vim_s.ini
#   docker build -t evalh-cuda --build-arg CUDA=enabled \
#       --build-arg BASE=nvidia/cuda:13.0.1-cudnn-devel-ubuntu24.04 .
#   docker run --rm --gpus all ... evalh-cuda run ...
ARG BASE=debian:12-slim
FROM ${BASE}
ARG CUDA=disabled
ENV LC_ALL=C.UTF-8
COPY . /src
RUN cd /src \
    && ./scripts/setup.sh \
    && meson setup build --prefix=/usr/local -Dtests=false -Dcuda=${CUDA} \
    && ninja -C build \
    && meson install -C build --no-rebuild \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /work
ENTRYPOINT ["evalh"]
CMD ["--help"]
