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
        _e("pbi", "Product backlog items: plan, list, show, change.", heading="Write"),
        _e("epic", "Epics: plan, list, show, change.", heading="Write"),
        _e("label", "Labels: guidelines that items bring into prompts.", heading="Write"),
        _e("run", "Work the backlog off.", "run", heading="Run"),
        _e("worker", "Running workers: list, stop.", heading="Run"),
        _e("agent", "Agents: list, check, pause, resume.", heading="Run"),
        _e("mcp", "Serve the backlog as tools to a coding agent.", "mcp", heading="Run"),
        _e("inbox", "All that waits for a person.", "inbox", heading="Decide"),
        _e("answer", "Answer an agent's question.", "answer", heading="Decide"),
        _e("drafts", "What agents suggest as new items.", "drafts", heading="Decide"),
        _e("approve", "Register drafts as items.", "approve", heading="Decide"),
        _e("reject", "Reject drafts, with the reason.", "reject", heading="Decide"),
        _e("edit", "Edit a draft before it is approved.", "draft_edit", heading="Decide"),
        _e("land", "Bring merged work to the branch you work on.", "land", heading="Decide"),
        _e("status", "What runs, what waits and why.", "status", heading="Look"),
        _e("board", "The same, live in the browser.", "board", heading="Look"),
        _e("watch", "The same, live in the terminal.", "watch", heading="Look"),
        _e("why", "Why an item does not start, and what to do.", "why", heading="Look"),
        _e("journal", "The history of everything: list, export, check.", heading="Look"),
        _e("graph", "What needs what, and what holds everything up.", "graph", "graph_command", heading="Look"),
        _e("stats", "Figures: what came out, how long it took, what it cost.", "stats", heading="Look"),
        _e("archive", "Leave finished items out of lists: archive, list, restore.", heading="Maintain", default="put"),
        _e("lock", "Named locks and claims.", heading="Maintain"),
        _e("db", "The database: check, back up, restore, measure, move.", heading="Maintain"),
        _e("gc", "Free worktrees, branches and refs of what is over.", "gc", heading="Maintain"),
        _e("doctor", "Check everything, with remedies.", "doctor", heading="Maintain"),
        _e("config", "Settings: list, get, set.", heading="Maintain"),
        _e("prompt", "What agents are told: show, change, compare.", heading="Maintain"),
        _e("export", "Write the whole backlog to a folder, for Git.", "export", heading="Maintain"),
        _e("import", "Bring other backlogs in.", heading="Maintain"),
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
        _e("move", "Put items below another PBI or EPIC, or none.", "group_change", "sbi_move"),
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
        _e("plan", "Plan PBIs: title, file, standard input or editor.", "register", "register_pbi"),
        _e("list", "List PBIs with their progress.", "group_list", "pbi_list"),
        _e("show", "Show one PBI with what is below it.", "group_show", "pbi_show"),
        _e("edit", "Edit the text in your editor.", "group_change", "pbi_edit"),
        _e("update", "Change fields of a PBI.", "group_change", "pbi_update"),
        _e("move", "Put PBIs below another EPIC, or none.", "group_change", "pbi_move"),
        _e("hold", "Keep all below it from being taken.", "group_decide", "pbi_hold"),
        _e("unhold", "Let all below it be taken.", "group_decide", "pbi_unhold"),
        _e("cancel", "Cancel all below it; running agents are stopped.", "group_decide", "pbi_cancel"),
        _e("delete", "Delete it, with --cascade all below it, too.", "group_decide", "pbi_delete"),
        _e("history", "What happened to it.", "group_show", "pbi_history"),
        _e("decompose", "Have an agent suggest the SBIs of a PBI.", "pbi_decompose", "pbi_decompose"),
        _e("propose", "Hand in the SBIs of a PBI, as JSON.", "pbi_propose", "pbi_propose"),
        _e("drafts", "Its drafts: new against old, decisions, as files.", "pbi_drafts", "pbi_drafts"),
        _e("sbi", "The same as drafts, approve, reject, edit.", hidden=True),
        _e("register", "Approve its open drafts; else as register pbi.", "pbi_sbi", "pbi_register", hidden=True),
    ),
    "pbi sbi": (
        _e("list", "The same as pbi drafts --all.", "pbi_sbi", "sbi_list"),
        _e("approve", "The same as approve.", "pbi_sbi", "sbi_approve"),
        _e("reject", "The same as reject.", "pbi_sbi", "sbi_reject"),
        _e("edit", "The same as edit.", "pbi_sbi", "sbi_edit"),
    ),
    "epic": (
        _e("plan", "Plan EPICs: title, file, standard input or editor.", "register", "register_epic"),
        _e("list", "List EPICs with their progress.", "group_list", "epic_list"),
        _e("show", "Show one EPIC with what is below it.", "group_show", "epic_show"),
        _e("edit", "Edit the text in your editor.", "group_change", "epic_edit"),
        _e("update", "Change fields of an EPIC.", "group_change", "epic_update"),
        _e("hold", "Keep all below it from being taken.", "group_decide", "epic_hold"),
        _e("unhold", "Let all below it be taken.", "group_decide", "epic_unhold"),
        _e("cancel", "Cancel all below it; running agents are stopped.", "group_decide", "epic_cancel"),
        _e("delete", "Delete it, with --cascade all below it, too.", "group_decide", "epic_delete"),
        _e("history", "What happened to it.", "group_show", "epic_history"),
        _e("register", "The same as register epic.", "register", "register_epic", hidden=True),
    ),
    "label": (
        _e("register", "Register a label with its guideline.", "label_register", "label_register"),
        _e("import", "Make labels of a folder of Markdown files.", "label_register", "label_import"),
        _e("list", "List labels with who carries them.", "label_look", "label_list"),
        _e("show", "Show one label.", "label_look", "label_show"),
        _e("update", "Change what a label is and says.", "label_change", "label_update"),
        _e("rename", "Give a label another name, everywhere.", "label_change", "label_rename"),
        _e("delete", "Delete a label.", "label_change", "label_delete"),
        _e("templates", "The texts that a label brings into prompts.", "label_look", "label_templates"),
        _e("check", "Check labels, templates, and what items carry.", "label_look", "label_check"),
        _e("attach", "Give items a label.", "label_change", "label_attach"),
        _e("detach", "Take a label away from items.", "label_change", "label_detach"),
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
        _e("backlog", "What export has written.", "import_backlog", "import_backlog"),
        _e("legacy", "A project of the Go deespec: items, reports, history.", "import_legacy", "import_legacy"),
        _e("spec-kit", "Tasks of Spec Kit (tasks.md).", "import_foreign", "import_spec_kit"),
        _e("task-master", "Tasks of Task Master (tasks.json).", "import_foreign", "import_task_master"),
        _e("beads", "Issues of beads (JSONL).", "import_foreign", "import_beads"),
    ),
    "prompt": (
        _e("list", "The prompts: built-in or own, their versions.", "prompt_look", "prompt_list"),
        _e("show", "What an agent would be told next.", "prompt_look", "prompt_show"),
        _e("edit", "Put words of your own in the place of a prompt.", "prompt_change", "prompt_edit"),
        _e("reset", "Go back to the built-in prompt.", "prompt_change", "prompt_reset"),
        _e("diff", "How your own prompts differ from the built-in ones.", "prompt_look", "prompt_diff"),
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
