# The agent's images, by stage:
#
#   test        the unit tests, which fail the build when they fail
#   agent       with the tools that sessions find; what the chart is meant for
#   agent-slim  the agent alone: sessions have the tools that the target's image has, or a volume
#
#   docker build --target agent --tag registry.example.com/ns-debug-agent:0.1.0 .
#
# With podman and buildah it is the same command. docs/image.md has what is in them. Neither starts
# a shell, and both run with a read-only root file system.

ARG BASE=docker.io/library/debian:bookworm-slim


FROM ${BASE} AS build
COPY scripts/install-deps /src/scripts/
RUN /src/scripts/install-deps image
WORKDIR /src
# What is compiled, each by its name: whatever else changes does not make the build start over.
COPY CMakeLists.txt CMakePresets.json LICENSE ./
COPY agent agent
COPY base base
COPY cmake cmake
COPY completions completions
COPY copy copy
COPY cri cri
COPY docker docker
COPY kubectl kubectl
COPY nsenter nsenter
COPY remotecommand remotecommand
COPY scripts/image-root scripts/
# Into /usr, where the agent looks for ns-enter and Debian's packages have theirs.
# A builder may mount a ccache at /mnt, which every image has: a mount point of its own would stay in
# the layers. The options are those of scripts/test, for that.
ENV CCACHE_DIR=/mnt
RUN cmake --preset release -DNS_DEBUG_WERROR=ON -DNS_DEBUG_TESTS=OFF -DCMAKE_INSTALL_PREFIX=/usr && \
    cmake --build --preset release --target ns-copy ns-enter ns-resolve ns-debug-agent && \
    DESTDIR=/image cmake --install build/release --component node --strip && \
    install -D -m 644 LICENSE /image/usr/share/doc/ns-debug/copyright
RUN scripts/image-root /slim /image/usr/bin/ns-debug-agent /image/usr/libexec/ns-debug/ns-resolve


# The unit tests, with sanitizers, by the compiler and the libraries of the image. Nothing is made of it.
FROM build AS test
COPY . .
RUN cmake --preset asan -DNS_DEBUG_WERROR=ON && \
    cmake --build --preset asan --target unit_tests && \
    ctest --test-dir build/asan --output-on-failure --exclude-regex '^(integration|docs|proto|chart|e2e)\.'


# Before the agent, so that only another list of packages makes this layer anew. What differs from
# one run to the next, or can be had again, is removed: lists, logs, caches, apt's own state.
FROM ${BASE} AS tools
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      # What the agent is linked with.
      libboost-url1.81.0 libcpp-httplib0.11 libfmt9 libgrpc++1.51 libprometheus-cpp-core1.0 \
      libprotobuf-lite32 libspdlog1.10 libssl3 libyaml-cpp0.7 \
      # Interfaces, routes, sockets, reachability.
      ethtool iproute2 iputils-arping iputils-ping iputils-tracepath mtr-tiny net-tools \
      tcptraceroute traceroute \
      # Names, connections, transfers, TLS.
      bind9-dnsutils ca-certificates curl iperf3 ldnsutils netcat-openbsd openssl socat \
      # Packets, and the rules that they meet.
      conntrack iptables nftables tcpdump \
      # Processes and what they do.
      gdb-minimal htop lsof ltrace procps psmisc strace \
      # Looking at files and text.
      bsdextrautils file jq less tree vim-tiny xxd && \
    rm -rf /var/lib/apt/lists/* /var/cache/* /var/log/* /tmp/* /run/* \
      /var/lib/apt/extended_states /var/lib/dpkg/*-old /etc/*- && \
    find / -xdev -name '__pycache__' -prune -exec rm -rf {} +


FROM tools AS agent
COPY --from=build /image/ /
LABEL org.opencontainers.image.title="ns-debug-agent" \
      org.opencontainers.image.description="Node agent of ns-debug, with debugging tools" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="docker.io/library/debian:bookworm-slim"
# It enters pods of every user; what it keeps of root's rights the pod's security context says.
USER 0:0
WORKDIR /
ENTRYPOINT ["/usr/bin/ns-debug-agent"]
CMD []


# From nothing rather than from a distroless image: that would be a second registry to trust and one
# that an air-gapped build has to mirror, for a few files that image-root takes from the Debian that
# the agent was compiled on. No CA bundle: the agent verifies the API server by the cluster's CA, and
# nobody else.
FROM scratch AS agent-slim
COPY --from=build /slim/ /
COPY --from=build /image/ /
LABEL org.opencontainers.image.title="ns-debug-agent-slim" \
      org.opencontainers.image.description="Node agent of ns-debug, without debugging tools" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
USER 0:0
WORKDIR /
ENTRYPOINT ["/usr/bin/ns-debug-agent"]
CMD []
