"""Writes the pages that follow from the program itself: the commands, the life of an item, and that of a PBI."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import click

from deespec.cli.full import cli, load
from deespec.cli.manifest import GROUPS, TOP, find
from deespec.model.lifecycle import ROLL_UP, mermaid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.cli.manifest import Entry

ROOT = Path(__file__).parent.parent
COMMANDS = """\
# Commands

Every command answers `--help`. This page is written by `make docs` from the commands themselves.
"""


def main() -> None:
    for name, text in pages().items():
        (ROOT / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The text of each page that is generated, or has a generated part."""
    statuses = "\n".join(f"| {status} | {words} |" for words, _, status in ROLL_UP)
    return {
        "docs/commands.md": _commands(),
        "ARCHITECTURE.md": _with_part("ARCHITECTURE.md", "lifecycle", f"```mermaid\n{mermaid()}\n```"),
        "docs/planning.md": _with_part("docs/planning.md", "roll-up", f"| status | when |\n|---|---|\n{statuses}"),
    }


def _with_part(name: str, mark: str, part: str) -> str:
    """A page with what stands between two marks made anew from the table that the program itself goes by."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    before, _, rest = (ROOT / name).read_text(encoding="utf-8").partition(begin)
    after = rest.partition(end)[2]
    return f"{before}{begin}\n\n{part}\n\n{end}{after}"


def _commands() -> str:
    top = click.Context(cli, info_name="deespec")
    blocks = [COMMANDS, "## For every command\n", "These stand before the command's name.\n", _options(top)]
    for heading in TOP:
        blocks.append(f"## {heading}\n")
        for entry in _shown(""):
            if entry.heading == heading:
                blocks += _command(top, "", entry)
    return "\n".join(block for block in blocks if block)


def _command(above: click.Context, path: str, entry: Entry) -> Iterator[str]:
    meant = find(entry.name, entry.default) if entry.default else None
    context = click.Context(load(path, meant or entry), info_name=entry.name, parent=above)
    yield f"{'####' if path else '###'} `{context.command_path}`\n"
    yield inspect.cleandoc(context.command.help or "") + "\n"
    if meant or entry.module:
        usage = " ".join([context.command_path, *context.command.collect_usage_pieces(context)])
        yield f"```console\n$ {usage}\n```\n"
        yield _options(context)
    if entry.module is None:
        for below in _shown(entry.name):
            yield from _command(click.Context(load(path, entry), info_name=entry.name, parent=above), entry.name, below)


def _options(context: click.Context) -> str:
    options = (param for param in context.command.params if isinstance(param, click.Option))
    records = filter(None, (option.get_help_record(context) for option in options))
    return "".join(f"- `{names}`: {text}\n" if text else f"- `{names}`\n" for names, text in records)


def _shown(path: str) -> Iterator[Entry]:
    return (entry for entry in GROUPS[path] if not entry.hidden)


if __name__ == "__main__":
    main()
