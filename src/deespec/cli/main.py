"""Where every call begins: the shortest commands go their short way, all others through click; errors end here."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

from deespec.cli import output, short
from deespec.errors import DeespecError

if TYPE_CHECKING:
    from collections.abc import Sequence

GARBAGE = 50_000
"""New objects before Python looks for cycles among them; with its own 700 it looks dozens of times during imports."""


def main() -> None:
    """The console script."""
    gc.set_threshold(GARBAGE)
    sys.exit(run(sys.argv[1:]))


def run(args: Sequence[str]) -> int:
    """Runs one command line and returns its exit status."""
    try:
        status = short.run(args)
        if status is None:
            from deespec.cli.full import run_full

            status = run_full(args)
        sys.stdout.flush()
        return status
    except DeespecError as error:
        return output.fail(error, as_json="--json" in args)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (`| head`); what Python would flush at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return output.fail(DeespecError("The answer could not be written: no space left on the device."), as_json=False)
    except Exception as error:
        # A bug of ours. Whoever meets it gets two lines; what we need to mend it comes with -v.
        if {"-v", "--verbose", "-vv"} & set(args):
            raise
        words = f"{type(error).__name__}: {error}"
        return output.fail(
            DeespecError(f"deespec has a bug: {words}", hint="Run it with -v and report what it prints."),
            as_json="--json" in args,
        )
