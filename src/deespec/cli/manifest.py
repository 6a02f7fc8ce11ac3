"""Every command with its one line of help, so that help needs none of their modules. Aliases are hidden."""

from __future__ import annotations

from deespec.records import record

TOP = ("Start", "Write", "Run", "Decide", "Look", "Maintain")


@record
class Entry:
    name: str
    help: str
    heading: str = ""
    module: str | None = None
    """Below cli/commands; None for a group."""
    function: str = ""
    hidden: bool = False
    default: str = ""
    """The command of a group that is meant where options or an ID follow its name."""


def _e(
    name: str,
    help_: str,
    module: str | None = None,
    function: str = "",
    *,
    heading: str = "",
    hidden: bool = False,
    default: str = "",
) -> Entry:
    return Entry(
        name=name,
        help=help_,
        heading=heading,
        module=module,
        function=function or name.replace("-", "_"),
        hidden=hidden,
        default=default,
    )


GROUPS: dict[str, tuple[Entry, ...]] = {
    "": (
        _e("init", "Make a backlog here.", "init", heading="Start"),
        _e("demo", "Play the example project in a temporary folder.", "demo", heading="Start"),
        _e("register", "Register specs: sbi, pbi or epic.", heading="Write"),
        _e("spec", "Spec files: a template, and what register would refuse.", heading="Write"),
        _e("sbi", "Spec backlog items: list, show, change, retry.", heading="Write"),
        _e("pbi", "Product backlog items.", heading="Write"),
        _e("epic", "Epics.", heading="Write"),
        _e("run", "Work the backlog off.", "run", heading="Run"),
        _e("worker", "Running workers: list, stop.", heading="Run"),
        _e("agent", "Agents: list, check, pause, resume.", heading="Run"),
        _e("mcp", "Serve the backlog as tools to a coding agent.", "mcp", heading="Run"),
        _e("inbox", "All that waits for a person.", "inbox", heading="Decide"),
        _e("answer", "Answer an agent's question.", "answer", heading="Decide"),
        _e("drafts", "What agents suggest as new items.", "drafts", heading="Decide"),
        _e("approve", "Register drafts as items.", "drafts", heading="Decide"),
        _e("reject", "Reject drafts, with the reason.", "drafts", heading="Decide"),
        _e("edit", "Edit a draft before it is approved.", "drafts", heading="Decide"),
        _e("land", "Bring merged work to the branch you work on.", "land", heading="Decide"),
        _e("status", "What runs, what waits and why.", "status", heading="Look"),
        _e("why", "Why an item does not start, and what to do.", "why", heading="Look"),
        _e("journal", "The history of everything: list, export, check.", heading="Look"),
        _e("stats", "Figures: what came out, how long it took, what it cost.", "stats", heading="Look"),
        _e("archive", "Leave finished items out of lists: archive, list, restore.", heading="Maintain", default="put"),
        _e("lock", "Named locks and claims.", heading="Maintain"),
        _e("db", "The database: check, back up, restore, measure, move.", heading="Maintain"),
        _e("gc", "Free worktrees, branches and refs of what is over.", "gc", heading="Maintain"),
        _e("doctor", "Check everything, with remedies.", "doctor", heading="Maintain"),
        _e("config", "Settings: list, get, set.", heading="Maintain"),
        _e("import", "Bring other backlogs over: legacy.", heading="Maintain"),
        _e("version", "The versions of deespec and what it stands on.", "version", heading="Maintain"),
        _e("completion", "Shell completion for bash, zsh or fish.", "completion", heading="Maintain"),
        _e("report", "Inside a turn: the same as sbi report.", "report", "top_report", hidden=True),
    ),
    "register": (
        _e("sbi", "Register SBIs from options, files or standard input.", "register", "register_sbi"),
        _e("pbi", "Register PBIs.", "register", "register_pbi"),
        _e("epic", "Register EPICs.", "register", "register_epic"),
    ),
    "spec": (
        _e("new", "Print a spec template.", "spec", "spec_new"),
        _e("check", "What register would refuse in these files, plus advice.", "spec", "spec_check"),
    ),
    "sbi": (
        _e("list", "List SBIs with what they wait for.", "sbi_list", "sbi_list"),
        _e("show", "Show one SBI with its turns.", "sbi_show", "sbi_show"),
        _e("edit", "Edit the spec in your editor.", "sbi_edit", "sbi_edit"),
        _e("update", "Change fields of an SBI.", "sbi_update", "sbi_update"),
        _e("retry", "Let FAILED or PARKED items go on where they stopped.", "sbi_decide", "sbi_retry"),
        _e("reset", "Start items again from the beginning.", "sbi_decide", "sbi_reset"),
        _e("cancel", "Cancel items; a running agent is stopped.", "sbi_decide", "sbi_cancel"),
        _e("hold", "Keep items from being taken.", "sbi_decide", "sbi_hold"),
        _e("unhold", "Let held items be taken.", "sbi_decide", "sbi_unhold"),
        _e("delete", "Delete PENDING or CANCELLED items.", "sbi_decide", "sbi_delete"),
        _e("undo", "Take a merged item back, by a new commit.", "sbi_undo", "sbi_undo"),
        _e("history", "What happened to an item.", "sbi_history", "sbi_history"),
        _e("diff", "What an item's work changes.", "sbi_diff", "sbi_diff"),
        _e("open", "The folder of an item's worktree.", "sbi_open", "sbi_open"),
        _e("log", "The raw output of an item's agents and gates.", "sbi_log", "sbi_log"),
        _e("report", "Inside a turn: hand in the report.", "report", "sbi_report"),
        _e("review", "Inside a turn: hand in the review's decision.", "report", "sbi_review"),
        _e("run", "Work on one item now, in this terminal.", "run", "sbi_run"),
        _e("register", "The same as register sbi.", "register", "register_sbi", hidden=True),
    ),
    "pbi": (
        _e("list", "List PBIs with their progress.", "groups", "pbi_list"),
        _e("show", "Show one PBI with its children.", "groups", "pbi_show"),
        _e("register", "The same as register pbi.", "register", "register_pbi", hidden=True),
    ),
    "epic": (
        _e("list", "List EPICs with their progress.", "groups", "epic_list"),
        _e("show", "Show one EPIC with its children.", "groups", "epic_show"),
        _e("register", "The same as register epic.", "register", "register_epic", hidden=True),
    ),
    "worker": (
        _e("list", "List running workers.", "worker", "worker_list"),
        _e("stop", "Ask a worker to finish, or to stop now.", "worker", "worker_stop"),
    ),
    "agent": (
        _e("list", "List agents: version, state, limits, spending.", "agent", "agent_list"),
        _e("check", "Look whether agents are ready; try those named.", "agent_check", "agent_check"),
        _e("pause", "Let an agent take no new turns.", "agent", "agent_pause"),
        _e("resume", "Let a paused agent go on.", "agent", "agent_resume"),
    ),
    "journal": (
        _e("list", "The newest entries.", "journal", "journal_list"),
        _e("export", "Everything as NDJSON, oldest first.", "journal", "journal_export"),
        _e("check", "Hold the journal against the state.", "journal", "journal_check"),
    ),
    "archive": (
        _e("put", "Archive finished items.", "archive", "archive_put", hidden=True),
        _e("list", "What is archived.", "archive", "archive_list"),
        _e("restore", "Bring archived items back.", "archive", "archive_restore"),
    ),
    "lock": (
        _e("list", "Locks and claims: owner, host, age, lease.", "lock", "lock_list"),
        _e("info", "One lock or claim in full.", "lock", "lock_info"),
        _e("release", "Free a named lock.", "lock", "lock_release"),
        _e("cleanup", "Free expired locks and the claims of dead workers.", "lock", "lock_cleanup"),
    ),
    "db": (
        _e("check", "Whether it is sound, and what is missing.", "db_check", "db_check"),
        _e("stats", "Sizes, rows, growth, and what is in force.", "db_stats", "db_stats"),
        _e("backup", "A verified copy in one file, while others work.", "db_backup", "db_backup"),
        _e("restore", "Put a backup into the place of the database.", "db_restore", "db_restore"),
        _e("checkpoint", "Move the log into the database; who holds it back.", "db_checkpoint", "db_checkpoint"),
        _e("vacuum", "Give unused space back to the disk.", "db_vacuum", "db_vacuum"),
        _e("migrate", "Bring the database up to date with this deespec.", "db_migrate", "db_migrate"),
        _e("copy", "Move the backlog to another place.", "db_copy", "db_copy"),
    ),
    "import": (
        _e("legacy", "A project of the Go deespec: items, reports, history.", "import_legacy", "import_legacy"),
    ),
    "config": (
        _e("list", "Every setting, its value and where it comes from.", "config", "config_list"),
        _e("get", "One setting.", "config", "config_get"),
        _e(
            "set",
            "Change a setting, or make an agent, a gate, a price or an account, in config.toml.",
            "config",
            "config_set",
        ),
        _e(
            "unset",
            "Remove a setting, an agent, a gate, a price or an account from config.toml.",
            "config",
            "config_unset",
        ),
        _e("path", "Where the settings files are.", "config", "config_path"),
        _e("check", "Check the settings files.", "config", "config_check"),
    ),
}


def find(path: str, name: str) -> Entry | None:
    """The entry of a command below a group path such as `sbi`."""
    return next((entry for entry in GROUPS.get(path, ()) if entry.name == name), None)
