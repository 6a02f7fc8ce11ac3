"""Where every call begins: the shortest commands go their short way, all others through click; errors end here."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

from deespec.cli import output, short
from deespec.errors import DeespecError, StoreUnusable

if TYPE_CHECKING:
    from collections.abc import Sequence

GARBAGE = 50_000
"""New objects before Python looks for cycles among them; with its own 700 it looks dozens of times during imports."""
_NAMES = ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE")
THE_SYSTEM_S = {getattr(errno, name) for name in _NAMES}
"""Errors of the machine, not ours."""


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
        if error.errno not in THE_SYSTEM_S:
            return _tell_bug(error, args)
        if error.filename is None and error.errno == errno.ENOSPC:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            words = "The answer could not be written: no space left on the device."
            return output.fail(DeespecError(words), as_json=False)
        return output.fail(_refused(error), as_json="--json" in args)
    except Exception as error:  # noqa: BLE001 - whatever it is, whoever meets it is told in two lines
        return _tell_bug(error, args)


def explained(error: Exception) -> DeespecError:
    """What is said of an error, whatever it is."""
    if isinstance(error, DeespecError):
        return error
    return _refused(error) if isinstance(error, OSError) and error.errno in THE_SYSTEM_S else _bug(error)


def _refused(error: OSError) -> DeespecError:
    """What the system did not let us do, anywhere but in the store."""
    where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else "A file could not be used: "
    folder = os.path.dirname(os.path.abspath(os.fsdecode(error.filename or "")))
    hints = {
        errno.ENOSPC: f"Free some space there (df -h {folder}), then run it again.",
        errno.EDQUOT: "Your quota is used up there: free some space, then run it again.",
        errno.EFBIG: "A limit on the size of files is in force (ulimit -f): raise it, then run it again.",
        errno.EMFILE: "A limit on open files is in force (ulimit -n): raise it, then run it again.",
        errno.EIO: "Look at that disk (dmesg), then: deespec db check",
    }
    return StoreUnusable(
        f"{where}{error.strerror}.", hint=hints.get(error.errno or 0, "deespec doctor says what helps.")
    )


def _bug(error: Exception) -> DeespecError:
    words = f"{type(error).__name__}: {error}"
    return DeespecError(f"deespec has a bug: {words}", hint="Run it with -v and report what it prints.")


def _tell_bug(error: Exception, args: Sequence[str]) -> int:
    """A bug of ours. Whoever meets it gets two lines; what we need to mend it comes with -v."""
    if {"-v", "--verbose", "-vv"} & set(args):
        raise error
    return output.fail(_bug(error), as_json="--json" in args)
