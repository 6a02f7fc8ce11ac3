"""Commands and options of the Go deespec that are called otherwise here, and what to say then."""

from __future__ import annotations

from deespec.records import record


@record
class Successor:
    """What to use instead."""

    now: str
    """The command as it can be typed."""
    why: str = ""
    """What is to be known beside it."""

    @property
    def hint(self) -> str:
        return f"{self.now}  ({self.why})" if self.why else self.now


def _s(now: str, why: str = "") -> Successor:
    return Successor(now=now, why=why)


COMMANDS: dict[str, Successor] = {
    "clear": _s("deespec archive --done", "nothing is deleted: deespec archive restore brings it back"),
    "health": _s("deespec doctor"),
    "health verify": _s("deespec doctor"),
    "journal verify": _s("deespec journal check"),
    "upgrade": _s(
        "pip install --upgrade deespec",
        "its prompts come with it; deespec prompt list says which of your own are older",
    ),
    "workflow": _s("deespec run"),
    "state": _s("deespec db check"),
    "sbi extract-improvements": _s("deespec register sbi -f FILE", "write what is to be improved as a spec"),
    "sbi pick": _s("deespec run --once"),
    "pbi run": _s("deespec run --parent PBI-N"),
    "label validate": _s("deespec label check"),
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
    **{
        (f"pbi {name}", "--status"): _s(
            "deespec pbi show ID", "a PBI's status follows from its SBIs; hold and cancel are for people"
        )
        for name in ("plan", "update")
    },
    ("pbi plan", "-p"): _s("deespec pbi plan --priority high", "or urgent"),
    ("pbi update", "-p"): _s("deespec pbi update ID --priority high", "or urgent"),
    ("pbi edit", "--title"): _s("deespec pbi update ID --title T"),
    ("pbi edit", "-t"): _s("deespec pbi update ID --title T"),
    ("epic update", "--status"): _s("deespec epic show ID", "an EPIC's status follows from what is below it"),
    ("pbi delete", "--force"): _s("deespec pbi delete ID --yes"),
    ("pbi delete", "-f"): _s("deespec pbi delete ID --yes"),
    ("sbi update", "--status"): _s(
        "deespec sbi show ID", "an SBI's status follows from its turns; hold, cancel, retry and reset are for people"
    ),
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
