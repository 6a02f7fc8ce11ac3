"""Commands and options of the Go deespec that are called otherwise here, or are still to come, and what to say then."""

from __future__ import annotations

from deespec.records import record


@record
class Successor:
    """What to use instead."""

    now: str = ""
    """The command as it can be typed; empty: there is none yet."""
    why: str = ""
    """What is to be known beside it; where there is none yet, what to do meanwhile."""

    @property
    def hint(self) -> str:
        if not self.now:
            return f"It comes with a later version. {self.why}".strip()
        return f"{self.now}  ({self.why})" if self.why else self.now


def _s(now: str = "", why: str = "") -> Successor:
    return Successor(now=now, why=why)


COMMANDS: dict[str, Successor] = {
    "clear": _s("deespec archive --done", "nothing is deleted: deespec archive restore brings it back"),
    "health": _s("deespec doctor"),
    "health verify": _s("deespec doctor"),
    "journal verify": _s("deespec journal check"),
    "upgrade": _s("pip install --upgrade deespec", "prompts are built in and come with it"),
    "workflow": _s("deespec run"),
    "state": _s("deespec db check"),
    "sbi extract-improvements": _s("deespec register sbi -f FILE", "write what is to be improved as a spec"),
    "sbi pick": _s("deespec run --once"),
    "pbi plan": _s("deespec register pbi -f FILE", "--title, --body and --story-points, too"),
    "pbi update": _s(why="deespec pbi show ID tells what it is now; its status follows from its SBIs."),
    "pbi edit": _s(why="deespec pbi show ID tells what it is now."),
    "pbi delete": _s(why="A PBI without SBIs does no harm."),
    "pbi decompose": _s(why="Until then: deespec register sbi -f FILE… --parent PBI-N"),
    "pbi sbi": _s(why="Until then: deespec register sbi -f FILE… --parent PBI-N"),
    "pbi run": _s("deespec run --parent PBI-N"),
    "label": _s(
        why="Until then a label is the file .deespec/labels/NAME.md, and items name it: "
        "deespec sbi update ID --add-label NAME"
    ),
    "cleanup-locks": _s("deespec lock cleanup"),
}
"""Old name → what is said. A whole group stands for all that was in it."""

OPTIONS: dict[tuple[str, str], Successor] = {
    ("", "--log-level"): _s("deespec -v", "or -q"),
    ("init", "--dir"): _s("deespec init DIR"),
    ("init", "-d"): _s("deespec init DIR"),
    ("init", "--force"): _s("deespec init", "what is there is kept; deespec config set changes it"),
    ("init", "-f"): _s("deespec init", "what is there is kept; deespec config set changes it"),
    ("run", "--auto-fb"): _s("deespec run", "it had no effect"),
    ("run", "--interval"): _s("deespec run", "it waits until there is something to do"),
    ("sbi run", "--auto-fb"): _s("deespec sbi run ID", "it had no effect"),
    ("sbi run", "--interval"): _s("deespec sbi run ID"),
    ("sbi run", "--once"): _s("deespec run --once"),
    ("doctor", "--format"): _s("deespec doctor --json"),
    ("doctor", "--repair-journal"): _s(
        "deespec journal check", "the journal is in the database; db restore mends that"
    ),
    ("register sbi", "--parent-pbi"): _s("deespec register sbi --parent PBI-N"),
    ("sbi register", "--parent-pbi"): _s("deespec sbi register --parent PBI-N"),
    ("pbi list", "--status"): _s("deespec pbi list"),
    ("pbi show", "--detail"): _s("deespec pbi show ID"),
    ("pbi show", "-d"): _s("deespec pbi show ID"),
    ("sbi show", "--turn"): _s("deespec sbi show ID", "it shows all turns; deespec sbi log ID the raw output"),
    ("sbi show", "-t"): _s("deespec sbi show ID", "it shows all turns; deespec sbi log ID the raw output"),
    ("sbi history", "--limit"): _s("deespec journal list --item ID --limit N"),
    ("sbi reset", "--to-status"): _s(
        "deespec sbi reset ID", "to PENDING; deespec sbi retry ID goes on where it stopped"
    ),
    ("sbi reset", "--force"): _s("deespec sbi reset ID --yes"),
    ("sbi report", "--decision"): _s("deespec sbi review --decision SUCCEEDED"),
}
"""(Command, option) → what is said."""


def of_command(path: str) -> Successor | None:
    """For a command that is not there, by all its words, as `pbi sbi`."""
    return COMMANDS.get(path)


def of_option(path: str, option: str) -> Successor | None:
    return OPTIONS.get((path, option))
