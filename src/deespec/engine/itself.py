"""How this very program is started again."""

from __future__ import annotations

import os
import sys


def own_command() -> tuple[str, ...]:
    """The argument list that starts this very deespec, whatever the PATH of an agent's shell says."""
    program = os.path.abspath(sys.argv[0])
    if os.path.basename(program) == "deespec" and os.access(program, os.X_OK):
        return (program,)
    beside = os.path.join(os.path.dirname(sys.executable), "deespec")
    if os.access(beside, os.X_OK):
        return (beside,)
    return (sys.executable, "-m", "deespec")
