"""deespec keeps a backlog of specs and has coding agents work it off. `open_app` is the door for other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["__version__", "open_app"]

if TYPE_CHECKING:
    from deespec.app import open_app


def __getattr__(name: str) -> object:
    """Loads the program when it is first asked for, so that `import deespec` costs nothing."""
    if name == "open_app":
        from deespec.app import open_app

        return open_app
    raise AttributeError(f"module 'deespec' has no attribute {name!r}")
