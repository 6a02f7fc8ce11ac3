"""`completion`: what a shell needs to complete deespec's commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from deespec.cli import options, output

VARIABLE = "_DEESPEC_COMPLETE"
"""click looks at it before it parses anything."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@options.as_json
@click.pass_context
def completion(ctx: click.Context, shell: str, as_json: bool) -> int:
    """Print the completion script of a shell.

    \b
    bash   eval "$(deespec completion bash)"      in ~/.bashrc
    zsh    eval "$(deespec completion zsh)"       in ~/.zshrc
    fish   deespec completion fish | source       in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None, f"click does not know {shell}"
    source = kind(ctx.find_root().command, {}, "deespec", VARIABLE).source().strip()
    if as_json:
        output.emit(shell=shell, script=source)
    else:
        output.say(source)
    return 0
