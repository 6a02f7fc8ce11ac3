"""The full way: click, with commands that are loaded only when they are called or their own help is asked for."""

from __future__ import annotations

import difflib
import importlib
from typing import TYPE_CHECKING, Any

import click

from deespec.cli import successors
from deespec.cli.manifest import GROUPS, TOP, Entry, find
from deespec.cli.session import Session
from deespec.errors import DeespecError, NoHome, UsageError
from deespec.text import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem


BELOW = ("sbi", "pbi")
"""Where what is no command of its own is looked for."""


class Lazy(click.Group):
    """A group whose commands stand in the manifest."""

    def __init__(self, *args: Any, path: str = "", default: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.path = path
        self.default = default

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [entry.name for entry in GROUPS[self.path] if not entry.hidden]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = find(self.path, cmd_name)
        return None if entry is None else load(self.path, entry)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """`archive --done` and `archive SBI-1` mean the group's default command, `archive list` does not."""
        meant = args and (args[0].startswith("-") or any(character.isdigit() for character in args[0]))
        if self.default and meant and args[0] not in ctx.help_option_names:
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        default = self.get_command(ctx, self.default)
        if default is None:
            super().format_help(ctx, formatter)
            return
        default.format_usage(ctx, formatter)
        formatter.write_usage(ctx.command_path, "COMMAND [ARGS]...")
        default.format_help_text(ctx, formatter)
        default.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        headings = TOP if not self.path else ("Commands",)
        for heading in headings:
            rows = [
                (entry.name, entry.help)
                for entry in GROUPS[self.path]
                if not entry.hidden and (self.path or entry.heading == heading)
            ]
            if rows:
                with formatter.section(heading):
                    formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        """Click does not say which command an option without its value was for."""
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            name = ctx.invoked_subcommand
            command = self.get_command(ctx, name) if name is not None and error.ctx is None else None
            if command is not None:
                error.ctx = click.Context(command, info_name=name, parent=ctx)
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not ctx.resilient_parsing:
            self._refuse(args[0])
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Names from the manifest: a press of Tab loads no command."""
        from click.shell_completion import CompletionItem

        names = [entry for entry in GROUPS[self.path] if not entry.hidden and entry.name.startswith(incomplete)]
        found = [CompletionItem(entry.name, help=entry.help) for entry in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def _refuse(self, name: str) -> None:
        names = [entry.name for entry in GROUPS[self.path]]
        near = difflib.get_close_matches(name, names, n=1)
        full = f"deespec {self.path} {name}".replace("  ", " ")
        successor = successors.of_command(full.removeprefix("deespec "))
        if successor is not None:
            raise UsageError(
                f"There is no command {full} {'any more' if successor.now else 'yet'}.", hint=successor.hint
            )
        below = next((group for group in BELOW if not self.path and find(group, name) is not None), None)
        if below is not None:
            raise UsageError(f"There is no command {full}.", hint=f"deespec {below} {name} ID")
        meant = f"Did you mean {near[0]}? " if near else ""
        raise UsageError(f"There is no command {full}.", hint=f"{meant}deespec {self.path} --help".replace("  ", " "))


def load(path: str, entry: Entry) -> click.Command:
    """The click command of a manifest entry; a group is made from the manifest itself."""
    if entry.module is None:
        path = f"{path} {entry.name}".strip()
        return Lazy(name=entry.name, help=entry.help, path=path, default=entry.default, no_args_is_help=True)
    module = importlib.import_module(f"deespec.cli.commands.{entry.module}")
    command: click.Command = getattr(module, entry.function)
    return command


@click.group(cls=Lazy, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--home", metavar="DIR", help="The backlog to use (default: the nearest .deespec upward).")
@click.option("--no-color", is_flag=True, help="No colours, as with NO_COLOR in the environment.")
@click.option("-v", "--verbose", count=True, help="Say more on standard error.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing but the answer.")
@click.version_option(package_name="deespec", prog_name="deespec")
@click.pass_context
def cli(ctx: click.Context, home: str | None, no_color: bool, verbose: int, quiet: bool) -> None:
    """Keeps a backlog of specs and has coding agents work it off."""
    session = Session(home=home, no_color=no_color, verbose=verbose, quiet=quiet)
    ctx.obj = session
    if ctx.invoked_subcommand is None:
        from deespec.cli import views

        try:
            views.status(session, as_json=False)
            _tell_to_land(session)
        except NoHome as error:
            ways = (error.hint or "", "Look around first: deespec demo", "All commands: deespec --help")
            raise NoHome(error.message, hint="\n→ ".join(ways)) from error


def _tell_to_land(session: Session) -> None:
    """Not by `status`, which agents call all the time: this asks Git."""
    from deespec.board.landable import to_land_in_words
    from deespec.cli import output

    words = to_land_in_words(session.app)
    if words:
        output.say(clean(words))


def run_full(args: Sequence[str]) -> int:
    """Parses and runs; click's own complaints become ours."""
    try:
        result = cli.main(args=list(args), prog_name="deespec", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help())
        return 2
    except click.UsageError as error:
        raise usage_of(error) from error
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        raise DeespecError(error.format_message()) from error
    return result if isinstance(result, int) else 0


def usage_of(error: click.UsageError) -> UsageError:
    """A complaint of click's as one of ours."""
    where = error.ctx.command_path if error.ctx else "deespec"
    if isinstance(error, click.NoSuchOption):
        successor = successors.of_option(where.removeprefix("deespec").strip(), error.option_name)
        if successor is not None:
            return UsageError(f"{where} has no {error.option_name} any more.", hint=successor.hint)
    return UsageError(error.format_message(), hint=f"{where} --help")
