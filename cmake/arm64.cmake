# For arm64 on a machine of another architecture: Debian's cross compiler, and the libraries of
# Debian's architecture arm64 where its multiarch has them. CONTRIBUTING.md says what to install.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
