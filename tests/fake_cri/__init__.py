"""A container runtime that answers as recorded ones did."""

from .server import FakeCri

__all__ = ["FakeCri"]
