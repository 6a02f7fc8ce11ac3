"""What the stand-in's model does, as data: a script is a list of turns, a turn is what one request gets for an answer.

Which turn it is, is found by counting the results of tools since the last words of a person; so a client may retry and
resume as it likes, and nothing has to be remembered. The last turn repeats.
"""

from __future__ import annotations

from deespec.agents.reading import Json
from deespec.records import record


@record
class Say:
    """Words. Where they are all of a turn, they are the final ones."""

    text: str


@record
class Shell:
    """A command, by whatever tool for commands the client offers."""

    command: str


@record
class Write:
    """A file, by the client's tool for that, or else by a command."""

    path: str
    content: str


@record
class Use:
    """A tool by its name."""

    tool: str
    arguments: Json


@record
class Structured:
    """A structured answer: by the client's tool for it, or else as JSON in words."""

    values: Json


@record
class Refuse:
    """An error of the API; which ones there are, is in refusals.py."""

    kind: str
    reset_s: int | None = None
    """So long from now the limit ends, as the vendor's headers say; None: they do not say."""


@record
class Hang:
    """Takes the request and says nothing more."""


@record
class Flow:
    """Words, one by one: without end, or until the connection is cut."""

    words: int | None = None
    every_ms: int = 50


@record
class Work:
    """Does what a prompt of the engine's asks for, by the commands and the files that it names."""


Act = Say | Shell | Write | Use | Structured
Turn = tuple[Act, ...] | Refuse | Hang | Flow | Work
Script = tuple[Turn, ...]


@record
class Quota:
    """A limit of the account: after so many prompts all further ones are refused until it is reset."""

    prompts: int
    reset_ms: int
