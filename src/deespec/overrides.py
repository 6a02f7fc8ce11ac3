"""A project's own templates of prompts, in place of the built-in ones: where they are, and how old. Hostile input."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from deespec.config_change import write_atomically
from deespec.errors import BadConfig, InvalidInput
from deespec.records import record, replace
from deespec.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Callable

    Rehearse = Callable[[str, str], str | None]
    """(step, text) → `LINE: what` is wrong with that template; None: prompts can be made of it."""

TEMPLATES = Path(__file__).parent / "engine" / "templates"
FOLDER = "prompts"
MOST_BYTES = 1 << 20
_STAMP = re.compile(r"{#-?\s*deespec-prompt:\s*(\w+)\s+(\d+)\s*-?#}")


@record
class Stamp:
    """What a template carries, and its copies with it: which one it is, and its version."""

    step: str
    version: int

    def __str__(self) -> str:
        return f"{self.step} {self.version}"

    @property
    def text(self) -> str:
        return f"{{# deespec-prompt: {self.step} {self.version} #}}"


@record
class Template:
    """The prompt of one step: the built-in one, and what the project has in its place."""

    step: str
    builtin: str
    stamp: Stamp
    """Of the built-in one."""
    path: Path
    """Where the project's own is, or would be."""
    own: str | None = None
    """Its text; None: there is none, or it cannot be read."""
    own_stamp: Stamp | None = None
    problem: str | None = None
    """Why no prompt can be made of the one that counts, as `LINE: what` where a line is known."""

    @property
    def overridden(self) -> bool:
        return self.own is not None or self.problem is not None

    @property
    def is_older(self) -> bool:
        """The built-in one has become another since the project's own was made from it, as far as it says."""
        if self.own is None:
            return False
        known = self.own_stamp
        return known is None or known.step != self.step or known.version < self.stamp.version


def steps() -> tuple[str, ...]:
    """Those that have a prompt."""
    return tuple(sorted(path.stem for path in TEMPLATES.glob("*.md")))


def refuse_unknown(step: str) -> None:
    """Raises InvalidInput unless the step has a prompt."""
    if step not in steps():
        near = closest(step, steps())
        hint = f"Did you mean {near}?" if near else f"There are {', '.join(steps())}."
        raise InvalidInput(f"No step is called {step!r}.", hint=hint)


def template_of(home: Path, step: str, rehearse: Rehearse) -> Template:
    builtin = (TEMPLATES / f"{step}.md").read_text(encoding="utf-8")
    stamp = stamp_of(builtin)
    assert stamp is not None, f"the built-in prompt {step} has no stamp"
    path = home / FOLDER / f"{step}.md"
    template = Template(step=step, builtin=builtin, stamp=stamp, path=path)
    try:
        own = read_own(home, path.name)
    except BadConfig as error:
        return replace(template, problem=error.message)
    if own is None:
        return template
    return replace(template, own=own, own_stamp=stamp_of(own), problem=rehearse(step, own))


def stamp_of(text: str) -> Stamp | None:
    found = _STAMP.search(text)
    return Stamp(step=found[1], version=int(found[2])) if found else None


def read_own(home: Path, name: str) -> str | None:
    """The project's own template of this name below `prompts/`; None if there is none.

    Raises BadConfig for what is no file of text, is too large, or is reached by a link that leads out of the home.
    """
    path = home / FOLDER / name
    try:
        if not path.resolve().is_relative_to(home.resolve()):
            raise BadConfig(f"{path} is a link that leads out of {home}.", hint=f"rm {path}")
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise BadConfig(f"{path} cannot be read: {error}") from error
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise BadConfig(f"{path} cannot be read: it is no file.")
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise BadConfig(f"{path} is larger than a prompt may be ({MOST_BYTES // 1024} KiB).")
    try:
        return data.decode("utf-8")
    except ValueError as error:
        raise BadConfig(f"{path} cannot be read: {error}") from error


def write_own(home: Path, step: str, text: str) -> None:
    """Puts a template in the place of the built-in one. Raises BadConfig where a link leads out of the home."""
    path = home / FOLDER / f"{step}.md"
    read_own(home, path.name)
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, text)


def put_aside(home: Path, step: str, folder: Path) -> Path:
    """Moves the project's own template, whatever it is, into a folder of the home, under a new name, which is returned.

    The built-in one counts from then on.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    made, name = tempfile.mkstemp(dir=folder, prefix=f"prompt-{step}-", suffix=".md")
    os.close(made)
    os.replace(home / FOLDER / f"{step}.md", name)
    return Path(name)
