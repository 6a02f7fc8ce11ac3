"""What one call of the command line shares: the global options, the open backlog, and where it was called from."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from deespec import config
from deespec.cli import output
from deespec.errors import InsideTurn, InvalidInput, NeedsConfirmation, NotFound
from deespec.model.ids import number_in

if TYPE_CHECKING:
    from pathlib import Path

    from deespec.app import App
    from deespec.model.items import Kind


class Session:
    """One call. The backlog is opened when first asked for."""

    def __init__(
        self, *, home: str | None = None, no_color: bool = False, verbose: int = 0, quiet: bool = False
    ) -> None:
        self.home = home
        self.no_color = no_color
        self.verbose = verbose
        self.quiet = quiet
        self.overrides: dict[str, str] = {}
        self.env = config.environment()

    @cached_property
    def app(self) -> App:
        """The backlog, for reading and for an agent's answers."""
        from deespec.app import open_app

        app = open_app(self.home, overrides=self.overrides)
        if app.settings.home.parent == self._user_home and not self.home and "DEESPEC_HOME" not in self.env:
            output.tell("backlog: ~/.deespec")
        return app

    def close(self) -> None:
        """Closes the backlog, if it was opened, in the thread that opened it."""
        if "app" in vars(self):
            self.app.close()

    def app_for_writing(self) -> App:
        """The backlog, for what changes it. Raises InsideTurn from inside a turn of the same backlog."""
        app = self.app
        turn = self.turn
        if turn is not None and os.path.realpath(self.env.get("DEESPEC_HOME", "")) == str(app.settings.home):
            raise InsideTurn(f"Not from inside a turn ({turn}). Say it in your report.")
        return app

    @property
    def turn(self) -> str | None:
        """The turn from inside which this was called, in words."""
        if "DEESPEC_CLAIM" not in self.env or "DEESPEC_ITEM" not in self.env:
            return None
        return f"{self.env['DEESPEC_ITEM']} turn {self.env.get('DEESPEC_TURN', '?')}"

    @cached_property
    def style(self) -> output.Style:
        width = self.app.settings.ambiguous_width
        return output.style(
            no_color=self.no_color, env_no_color="NO_COLOR" in self.env, ambiguous_width=width, quiet=self.quiet
        )

    def item_id(self, text: str, kind: Kind | None) -> str:
        """The id that a person meant: `SBI-12`, `sbi-12`, `12` where the kind is clear, a uid or a prefix of one."""
        from deespec.model.spec import normalise_id

        found = normalise_id(text, kind)
        if "-" in found:
            return found
        found = self._by_uid(found)
        if kind is not None and not found.startswith(kind):
            raise NotFound(f"{text} is {found}, not a {kind}.")
        return found

    def number(self, text: str) -> int:
        """The number of the SBI that a person meant."""
        from deespec.model.items import Kind

        return number_in(self.item_id(text, Kind.SBI))

    def work(self, text: str) -> int:
        """The number of the work that a person meant: of an SBI, or of the decomposition of a PBI."""
        from deespec.model.ids import number_of
        from deespec.model.items import Kind

        found = self.item_id(text, Kind.SBI if text.strip().isdigit() else None)
        if found.startswith(Kind.EPIC):
            raise InvalidInput(f"{found} is neither an SBI nor a PBI.", hint=f"deespec epic show {found}")
        return number_of(found)

    def confirm(self, question: str, *, yes: bool) -> None:
        """Asks on a terminal; elsewhere `--yes` is needed. Raises NeedsConfirmation unless the answer is yes."""
        import sys

        from deespec.cli.stdin import is_terminal

        if yes:
            return
        if not is_terminal():
            raise NeedsConfirmation(question, hint="Say --yes to do it, --dry-run to see what it would do.")
        output.tell(f"{question} [y/N]")
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "はい"):
            raise NeedsConfirmation("Nothing was done.")

    def _by_uid(self, prefix: str) -> str:
        with self.app.store.read() as tx:
            found = tx.by_uid(prefix)
        if len(found) > 1:
            raise InvalidInput(f"{prefix} could be {', '.join(found)}.", hint="Give more characters of the uid.")
        if not found:
            raise NotFound(f"No item's uid begins with {prefix}.", hint="deespec sbi list --all")
        return found[0]

    @property
    def _user_home(self) -> Path | None:
        from pathlib import Path

        return Path(self.env["HOME"]).resolve() if self.env.get("HOME") else None
