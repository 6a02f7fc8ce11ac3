"""The commands that change specs, look into the store and keep it in order: what they say, what they exit with."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import deespec
from deespec.app import open_app
from deespec.cli.main import run
from deespec.clock import Clock
from deespec.model.items import Worker
from deespec.store.alive import LifeLock
from deespec.store.opener import FILE, create_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deespec.app import App

CONFIG = """\
[run]
implement = "player"
review = "player"

[agents.player]
kind = "scripted"
script = "play.toml"

[agents.absent]
kind = "command"
command = ["no-such-program", "--token=abcdef123456"]
env = { MY_TOKEN = "s3cr3t-value" }
"""
PLAY = """\
[[rules]]
step = "implement"
files = { "notes.txt" = "done" }
answer = { type = "implement", text = "Wrote notes." }

[[rules]]
step = "review"
answer = { type = "review", decision = "SUCCEEDED", text = "Good." }
"""
GOOD = "---\ntitle: Good\n---\nLong enough to be understood, with acceptance criteria that say when it is done.\n"
SLOW_AGENT = """#!/bin/sh
cat > /dev/null
echo first
while [ ! -e go ]; do sleep 0.05; done
echo change > slow.txt
echo last
[ "$DEESPEC_STEP" = review ] && echo "DECISION: SUCCEEDED" || echo "DECISION: IMPLEMENTED"
"""
PATIENCE_MS = 20_000


class Backlog:
    """A person's commands in a folder with a backlog."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.home = folder / ".deespec"
        self.err = ""
        self._capsys = capsys

    def __call__(self, *args: str, exits: int = 0) -> str:
        """The standard output of a command; what it said on standard error is in `err`."""
        status = run(args)
        out, self.err = self._capsys.readouterr()
        assert status == exits, f"exit {status}: {out}{self.err}"
        return out

    def json(self, *args: str, exits: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self(*args, "--json", exits=exits))
        assert found["schema"] == 1
        return found

    def refusal(self, *args: str, exits: int) -> str:
        """What a command says that refuses."""
        assert self(*args, exits=exits) == ""
        return self.err

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def events(self) -> list[str]:
        return [one["event"] for one in self.json("journal", "list")["items"]]


@pytest.fixture
def backlog(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Backlog:
    for name in [name for name in os.environ if name.startswith("DEESPEC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    monkeypatch.setenv("PYTHONPATH", str(Path(deespec.__file__).parents[1]))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    folder = tmp_path / "プロジェクト"
    home = folder / ".deespec"
    home.mkdir(parents=True)
    monkeypatch.chdir(folder)
    create_store(str(home / FILE), clock=Clock(), busy_ms=5_000)
    (home / "config.toml").write_text(CONFIG)
    (folder / "play.toml").write_text(PLAY)
    return Backlog(folder, capsys)


@pytest.fixture
def app(backlog: Backlog) -> Iterator[App]:
    """The same backlog for what no command can do."""
    opened = open_app(str(backlog.home))
    yield opened
    opened.close()


@pytest.fixture
def worked(backlog: Backlog) -> Backlog:
    """A backlog in which SBI-1 is DONE and its check has printed colours."""
    backlog("register", "sbi", "--title", "一番目", "--check", r"printf '\033[31mred\033[0m\n'")
    backlog("run", "--drain")
    return backlog


@pytest.fixture
def elsewhere(backlog: Backlog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Backlog:
    """A folder without a backlog."""
    monkeypatch.chdir(tmp_path)
    return backlog


def labels(backlog: Backlog, *names: str) -> None:
    for name in names:
        backlog("label", "register", name)


def register(backlog: Backlog, *options: str) -> None:
    backlog("register", "sbi", "--title", "One", *options)


# --- spec -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sbi", "pbi", "epic"])
def test_what_spec_new_prints_is_accepted_by_spec_check(backlog: Backlog, kind: str) -> None:
    file = backlog.write("new.md", backlog("spec", "new", "--kind", kind))
    backlog("spec", "check", "--kind", kind, file)


def test_spec_check_reports_every_file_not_only_the_first_refused(backlog: Backlog) -> None:
    files = [backlog.write(f"{name}.md", f"---\n{name}: x\n---\n") for name in ("titel", "prority")]
    said = backlog("spec", "check", *files, backlog.write("good.md", GOOD), exits=2)
    assert "titel.md:2: there is no key titel." in said
    assert "prority.md:2: there is no key prority." in said
    assert "✓ good.md" in said


def test_spec_check_as_json_says_of_each_file_whether_it_is_good(backlog: Backlog) -> None:
    bad = backlog.write("bad.md", "---\ntitel: x\n---\n")
    found = backlog.json("spec", "check", bad, backlog.write("good.md", GOOD), exits=2)
    assert [(one["file"], one["ok"], one["hint"]) for one in found["files"]] == [
        ("bad.md", False, "Did you mean title?"),
        ("good.md", True, None),
    ]


def test_spec_check_finds_a_need_that_is_not_there(backlog: Backlog) -> None:
    file = backlog.write("a.md", "---\ntitle: A\ndepends_on: [SBI-99]\n---\n")
    assert "needs SBI-99, which is not there" in backlog("spec", "check", file, exits=2)


def test_files_that_are_checked_together_may_need_each_other(backlog: Backlog) -> None:
    first = backlog.write("a.md", "---\ntitle: A\ndepends_on: [SBI-2]\n---\n")
    backlog("spec", "check", first, backlog.write("b.md", "---\ntitle: B\n---\n"))


def test_a_refused_file_does_not_bring_down_the_one_that_needs_it(backlog: Backlog) -> None:
    first = backlog.write("a.md", "---\ntitle: A\ndepends_on: [SBI-2]\n---\n")
    second = backlog.write("b.md", "---\ntitle: B\ndepends_on: [SBI-99]\n---\n")
    found = backlog.json("spec", "check", first, second, exits=2)
    assert [one["ok"] for one in found["files"]] == [True, False]


def test_a_circle_among_checked_files_is_found(backlog: Backlog) -> None:
    first = backlog.write("a.md", "---\ntitle: A\ndepends_on: [SBI-2]\n---\n")
    second = backlog.write("b.md", "---\ntitle: B\ndepends_on: [SBI-1]\n---\n")
    assert "form a circle" in backlog("spec", "check", first, second, exits=2)


def test_spec_check_registers_nothing(backlog: Backlog) -> None:
    backlog("spec", "check", backlog.write("good.md", GOOD))
    assert backlog.json("sbi", "list")["total"] == 0


def test_a_file_that_is_registered_already_is_good_and_named(backlog: Backlog) -> None:
    file = backlog.write("good.md", GOOD)
    backlog("register", "sbi", file)
    assert "registered already, unchanged, as SBI-1" in backlog("spec", "check", file)


def test_a_path_whose_folder_is_not_there_is_worth_a_remark(backlog: Backlog) -> None:
    file = backlog.write("a.md", '---\ntitle: A\npaths: ["srk/**"]\n---\n')
    assert "there is no folder srk" in backlog("spec", "check", file)


def test_spec_check_works_without_a_backlog_and_says_what_it_left_out(elsewhere: Backlog) -> None:
    file = elsewhere.write("a.md", "---\ntitle: A\ndepends_on: [SBI-99]\n---\n")
    elsewhere("spec", "check", str(elsewhere.folder / file))
    assert "Needs, parents and labels were not looked up." in elsewhere.err


# --- sbi update -----------------------------------------------------------------------------------------------------


def test_an_update_without_options_is_a_mistake(backlog: Backlog) -> None:
    register(backlog)
    assert "There is nothing to change." in backlog.refusal("sbi", "update", "1", exits=2)


def test_labels_are_added_and_removed_one_by_one(backlog: Backlog) -> None:
    labels(backlog, "a", "b", "安全")
    register(backlog, "--label", "a", "--label", "b")
    changed = backlog.json("sbi", "update", "1", "--add-label", "安全", "--remove-label", "a")
    assert (changed["labels"], changed["changed"]) == (["b", "安全"], ["labels"])


def test_a_list_without_add_replaces_the_one_before(backlog: Backlog) -> None:
    register(backlog, "--path", "old/**")
    assert backlog.json("sbi", "update", "1", "--path", "new/**")["paths"] == ["new/**"]


def test_removing_what_is_not_there_names_what_is(backlog: Backlog) -> None:
    labels(backlog, "a")
    register(backlog, "--label", "a")
    said = backlog.refusal("sbi", "update", "1", "--remove-label", "x", exits=3)
    assert said == "SBI-1 has no label x.\n→ It has: a\n"


def test_a_field_can_be_cleared(backlog: Backlog) -> None:
    register(backlog, "--agent", "player")
    assert backlog.json("sbi", "update", "1", "--clear", "agent")["agent"] == []


def test_a_need_may_be_named_by_the_beginning_of_its_uid(backlog: Backlog) -> None:
    register(backlog)
    register(backlog)
    uid = backlog.json("sbi", "show", "1")["uid"]
    assert backlog.json("sbi", "update", "2", "--add-need", uid)["depends_on"] == ["SBI-1"]


def test_a_circle_of_needs_is_refused(backlog: Backlog) -> None:
    register(backlog)
    register(backlog, "--depends-on", "1")
    assert "SBI-1 → SBI-2 → SBI-1" in backlog.refusal("sbi", "update", "1", "--need", "2", exits=2)


def test_an_item_that_is_done_cannot_be_changed(worked: Backlog) -> None:
    assert "SBI-1 is DONE" in worked.refusal("sbi", "update", "1", "--priority", "low", exits=4)


def test_a_change_that_changes_nothing_is_not_recorded(backlog: Backlog) -> None:
    register(backlog, "--priority", "low")
    assert "nothing was changed" in backlog("sbi", "update", "1", "--priority", "low")
    assert "updated" not in backlog.events()


def test_a_file_replaces_all_fields(backlog: Backlog) -> None:
    labels(backlog, "a")
    register(backlog, "--label", "a", "--priority", "high")
    changed = backlog.json("sbi", "update", "1", "-f", backlog.write("good.md", GOOD))
    assert (changed["title"], changed["labels"], changed["priority"]) == ("Good", [], "normal")


def test_a_file_that_an_item_was_updated_from_counts_as_registered(backlog: Backlog) -> None:
    register(backlog)
    backlog("sbi", "update", "1", "-f", backlog.write("good.md", GOOD))
    assert "registered already, unchanged, as SBI-1" in backlog.refusal("register", "sbi", "good.md", exits=4)


def test_labels_that_several_processes_add_at_once_all_count(backlog: Backlog) -> None:
    labels(backlog, "l0", "l1", "l2", "l3")
    register(backlog)
    command = [sys.executable, "-m", "deespec", "sbi", "update", "1", "--add-label"]
    started = [subprocess.Popen([*command, f"l{number}"], stdout=subprocess.DEVNULL) for number in range(4)]
    assert [one.wait() for one in started] == [0, 0, 0, 0]
    assert sorted(backlog.json("sbi", "show", "1")["labels"]) == ["l0", "l1", "l2", "l3"]


# --- sbi edit -------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor(backlog: Backlog, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sets what the editor does with the file."""

    def does(command: str) -> None:
        path = backlog.folder / "editor.sh"
        path.write_text(f'#!/bin/sh\nPYTHON="{sys.executable}"\n{command}\n')
        path.chmod(0o755)
        monkeypatch.setenv("VISUAL", str(path))

    ours, theirs = pty.openpty()
    with open(theirs) as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        yield does
    os.close(ours)


def test_edit_changes_what_was_changed_in_the_editor(backlog: Backlog, editor: Any) -> None:
    labels(backlog, "a")
    register(backlog, "--label", "a")
    editor("""sed -i 's/^title:.*/title: "新しい題名"/' "$1" """)
    assert backlog("sbi", "edit", "1") == "✓ SBI-1 changed: title\n"


def test_a_text_that_was_left_as_it_was_changes_nothing(backlog: Backlog, editor: Any) -> None:
    register(backlog)
    editor("true")
    backlog("sbi", "edit", "1")
    assert "updated" not in backlog.events()


def test_what_others_changed_meanwhile_stays(backlog: Backlog, editor: Any) -> None:
    register(backlog)
    editor("""$PYTHON -m deespec sbi update 1 --priority urgent; sed -i 's/^title:.*/title: New/' "$1" """)
    backlog("sbi", "edit", "1")
    shown = backlog.json("sbi", "show", "1")
    assert (shown["title"], shown["priority"]) == ("New", "urgent")


def test_a_field_that_somebody_else_changed_too_is_not_overwritten(backlog: Backlog, editor: Any) -> None:
    register(backlog)
    editor("""$PYTHON -m deespec sbi update 1 --title Theirs; sed -i 's/^title:.*/title: Mine/' "$1" """)
    assert "Somebody else has changed SBI-1 meanwhile: title." in backlog.refusal("sbi", "edit", "1", exits=4)
    assert backlog.json("sbi", "show", "1")["title"] == "Theirs"


def test_a_text_with_a_mistake_is_kept_and_can_be_handed_in_again(backlog: Backlog, editor: Any) -> None:
    register(backlog)
    editor("""sed -i 's/^title:.*/titel: New/' "$1" """)
    said = backlog.refusal("sbi", "edit", "1", exits=2)
    [kept] = map(Path, shlex.split(said.rpartition(" -f ")[2]))
    kept.write_text(kept.read_text().replace("titel", "title"))
    backlog("sbi", "update", "1", "-f", str(kept))
    assert backlog.json("sbi", "show", "1")["title"] == "New"


def test_a_text_that_was_taken_is_not_kept(backlog: Backlog, editor: Any) -> None:
    register(backlog)
    editor("""sed -i 's/^title:.*/title: New/' "$1" """)
    backlog("sbi", "edit", "1")
    assert list((backlog.home / "edited").iterdir()) == []


# --- sbi history, sbi log -------------------------------------------------------------------------------------------


def test_the_history_of_an_item_is_told_from_its_beginning(worked: Backlog) -> None:
    items = worked.json("sbi", "history", "1")["items"]
    assert [one["event"] for one in items if one["to"]] == [
        *("registered", "claimed", "workspace_ready", "implemented", "succeeded", "merged")
    ]


def test_the_history_shows_the_decision_of_a_review(worked: Backlog) -> None:
    assert "SUCCEEDED" in worked("sbi", "history", "1")


def test_the_log_goes_into_a_pipe_as_it_was_written(worked: Backlog) -> None:
    assert worked("sbi", "log", "1", "--turn", "1") == "\x1b[31mred\x1b[0m\n"


def test_the_log_lists_every_try_with_what_it_kept(worked: Backlog) -> None:
    items = worked.json("sbi", "log", "1", "--list")["items"]
    assert (items[0]["turn"], items[0]["outcome"], items[0]["bytes"]) == (1, "implemented", 13)


def test_the_log_as_json_names_its_files(worked: Backlog) -> None:
    found = worked.json("sbi", "log", "1", "--turn", "1")
    assert found["files"] == [{"name": "gates/0/output.log", "text": "\x1b[31mred\x1b[0m\n"}]


def test_a_log_of_an_item_that_nobody_has_worked_on_is_not_found(backlog: Backlog) -> None:
    register(backlog)
    assert "no agent has worked on it yet" in backlog.refusal("sbi", "log", "1", exits=3)


def test_a_turn_without_a_log_is_not_found(worked: Backlog) -> None:
    assert "Nothing is kept of turn 7" in worked.refusal("sbi", "log", "1", "--turn", "7", exits=3)


def test_the_log_follows_no_link_out_of_the_home(worked: Backlog) -> None:
    [log] = worked.home.glob("turns/SBI-1/1.*/gates/0/output.log")
    log.unlink()
    log.symlink_to(worked.folder / "play.toml")
    assert worked("sbi", "log", "1", "--turn", "1") == ""


def test_the_log_follows_no_linked_folder_out_of_the_home(worked: Backlog) -> None:
    folder = worked.home / "turns" / "SBI-1"
    folder.rename(worked.folder / "elsewhere")
    folder.symlink_to(worked.folder / "elsewhere")
    assert "Nothing is kept of SBI-1" in worked.refusal("sbi", "log", "1", exits=3)


def test_following_the_log_ends_with_the_claim(backlog: Backlog, app: App) -> None:
    backlog.write("slow.sh", SLOW_AGENT)
    (backlog.folder / "slow.sh").chmod(0o755)
    (backlog.home / "config.toml").write_text(
        '[run]\nimplement = "slow"\n[agents.slow]\nkind = "command"\ncommand = ["./slow.sh"]\n'
    )
    register(backlog)
    command = [sys.executable, "-m", "deespec"]
    worker = subprocess.Popen([*command, "run", "--once"], stderr=subprocess.DEVNULL)
    try:
        until_claimed(app)
        follower = subprocess.Popen([*command, "sbi", "log", "1", "--follow"], stdout=subprocess.PIPE, text=True)
        assert follower.stdout is not None
        first = follower.stdout.readline()
        backlog.write("go", "")
        rest, _ = follower.communicate(timeout=PATIENCE_MS / 1000)
        assert (first, rest.splitlines()) == ("first\n", ["last", "DECISION: IMPLEMENTED"])
    finally:
        worker.kill()
        worker.wait()


def until_claimed(app: App) -> None:
    for _ in range(PATIENCE_MS // 100):
        with app.store.read() as tx:
            if tx.running():
                return
        app.store.wait(100)
    pytest.fail("nobody has claimed the item")


# --- worker ---------------------------------------------------------------------------------------------------------


def add_worker(app: App, name: str, uid: str) -> Worker:
    """A worker that has signed in; it lives as long as somebody holds its LifeLock."""
    clock = app.clock
    worker = Worker(
        uid=uid, name=name, host=app.host, pid=1, pid_start="1", namespace="1", boot=clock.boot_id(), slots=2,
        started_at=clock.now_ms(), seen_at=clock.now_ms(),
    )  # fmt: skip
    with app.store.transaction() as tx:
        tx.add_worker(worker)
    return worker


@pytest.fixture
def living(app: App) -> Iterator[Worker]:
    worker = add_worker(app, "host-1", app.clock.uid())
    life = LifeLock(str(app.settings.home), worker.uid)
    yield worker
    life.release()


@pytest.fixture
def dead(app: App) -> Worker:
    return add_worker(app, "host-2", app.clock.uid())


def test_without_workers_the_list_says_how_to_start_one(backlog: Backlog) -> None:
    assert backlog("worker", "list") == "No worker is running → deespec run\n"


def test_workers_are_listed_as_living_or_dead(backlog: Backlog, living: Worker, dead: Worker) -> None:
    found = {one["name"]: one["state"] for one in backlog.json("worker", "list")["workers"]}
    assert found == {living.name: "running", dead.name: "dead"}


@pytest.mark.parametrize(("options", "word"), [((), "finish"), (("--now",), "now")])
def test_a_worker_is_asked_to_stop(
    backlog: Backlog, app: App, living: Worker, options: tuple[str, ...], word: str
) -> None:
    backlog("worker", "stop", living.name, *options)
    with app.store.read() as tx:
        assert [one.stop for one in tx.workers()] == [word]


def test_stopping_all_leaves_out_the_dead(backlog: Backlog, living: Worker, dead: Worker) -> None:
    assert [one["name"] for one in backlog.json("worker", "stop", "--all")["workers"]] == [living.name]


def test_a_dead_worker_cannot_be_asked(backlog: Backlog, dead: Worker) -> None:
    assert "→ deespec lock cleanup" in backlog.refusal("worker", "stop", dead.name, exits=4)


def test_an_unknown_worker_is_answered_with_those_there_are(backlog: Backlog, living: Worker) -> None:
    assert f"→ Workers: {living.name}" in backlog.refusal("worker", "stop", "nobody", exits=3)


# --- agent ----------------------------------------------------------------------------------------------------------


def test_agents_are_listed_with_what_they_are_for(backlog: Backlog) -> None:
    found = {one["name"]: one["steps"] for one in backlog.json("agent", "list")["agents"]}
    assert found == {"player": ["implement", "review"], "absent": []}


def test_agents_that_nothing_goes_to_by_itself_need_not_be_ready(backlog: Backlog) -> None:
    assert "✗ absent" in backlog("agent", "check")


def test_an_agent_that_was_asked_for_and_is_not_ready_exits_with_1(backlog: Backlog) -> None:
    assert "no-such-program is not on PATH" in backlog("agent", "check", "absent", exits=1)


def test_an_agent_whose_settings_are_wrong_is_not_ready(backlog: Backlog) -> None:
    (backlog.folder / "play.toml").unlink()
    assert "play.toml" in backlog("agent", "check", exits=1)


@pytest.mark.parametrize("verb", ["check", "pause", "resume"])
def test_an_unknown_agent_is_not_found(backlog: Backlog, verb: str) -> None:
    assert "Did you mean player?" in backlog.refusal("agent", verb, "plaier", exits=3)


def test_a_paused_agent_takes_nothing_until_it_is_resumed(backlog: Backlog) -> None:
    register(backlog)
    backlog("agent", "pause", "player", "--reason", "夜間")
    assert "夜間 → deespec agent resume player" in backlog("why", "1")


def test_a_pause_may_have_an_end(backlog: Backlog) -> None:
    assert backlog.json("agent", "pause", "player", "--for", "10 min")["until_at"]


def test_a_person_s_last_word_about_a_pause_counts(backlog: Backlog) -> None:
    backlog("agent", "pause", "player")
    assert "✓ player is paused until 2" in backlog("agent", "pause", "player", "--for", "1 h")


def test_resuming_ends_the_pause(backlog: Backlog) -> None:
    backlog("agent", "pause", "player")
    backlog("agent", "resume", "player")
    assert all(one["paused"] is None for one in backlog.json("agent", "list")["agents"])


def test_resuming_an_agent_that_is_not_paused_says_so(backlog: Backlog) -> None:
    assert backlog("agent", "resume", "player") == "player was not paused.\n"


# --- journal --------------------------------------------------------------------------------------------------------


def test_the_journal_list_ends_with_the_newest_entry(worked: Backlog) -> None:
    items = worked.json("journal", "list", "--limit", "2")["items"]
    assert [one["event"] for one in items] == ["merged", "worker_stopped"]


def test_the_journal_can_be_narrowed_to_an_item_and_an_event(worked: Backlog) -> None:
    register(worked)
    items = worked.json("journal", "list", "--item", "sbi-1", "--event", "registered")["items"]
    assert [one["item"] for one in items] == ["SBI-1"]


def test_an_event_that_does_not_exist_is_refused_with_a_suggestion(worked: Backlog) -> None:
    assert "Did you mean merged?" in worked.refusal("journal", "list", "--event", "megred", exits=2)


def test_the_export_is_one_line_of_json_for_each_entry(worked: Backlog) -> None:
    lines = [json.loads(line) for line in worked("journal", "export").splitlines()]
    assert lines == worked.json("journal", "list")["items"]


def test_the_export_goes_on_after_an_entry(worked: Backlog) -> None:
    assert worked("journal", "export", "--after", "3").startswith('{"seq": 4, ')


def test_an_export_into_a_file_replaces_it_and_leaves_nothing_beside(worked: Backlog) -> None:
    (worked.folder / "out").mkdir()
    worked.write("out/j.ndjson", "old")
    worked("journal", "export", "-o", "out/j.ndjson")
    assert [path.name for path in (worked.folder / "out").iterdir()] == ["j.ndjson"]
    assert (worked.folder / "out/j.ndjson").read_text() == worked("journal", "export")


def test_the_journal_of_a_sound_backlog_agrees_with_its_items(worked: Backlog) -> None:
    register(worked)
    register(worked)
    worked("sbi", "delete", "2", "--yes")
    worked("sbi", "cancel", "3")
    worked("sbi", "reset", "3", "--yes")
    assert "agree with 2 items" in worked("journal", "check")


@pytest.mark.parametrize(
    ("entry", "contradiction"),
    [
        ({"event": "merged", "item": "SBI-1", "to_status": "DONE"}, "its last move in the journal (2) led to DONE"),
        ({"event": "claimed", "item": "SBI-1", "from_status": "DONE", "to_status": "PENDING"}, "(2) began at DONE"),
        ({"event": "registered", "item": "SBI-1", "to_status": "PENDING"}, "SBI-1 was registered 2 times"),
        ({"event": "registered", "item": "SBI-9", "to_status": "PENDING"}, "SBI-9 was registered and not deleted"),
    ],
    ids=["another status", "a gap between moves", "registered twice", "lost"],
)
def test_the_journal_check_finds(backlog: Backlog, app: App, entry: dict[str, str], contradiction: str) -> None:
    register(backlog)
    with app.store.transaction() as tx:
        tx.note("a bug", **entry)
    assert contradiction in backlog("journal", "check", exits=1)


# --- lock -----------------------------------------------------------------------------------------------------------


def test_without_locks_and_claims_the_list_says_so(backlog: Backlog) -> None:
    assert backlog("lock", "list") == "No locks are held, nothing is claimed.\n"


def test_a_lock_is_listed_with_its_owner_and_end(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy", owner="ci")
    [lock] = backlog.json("lock", "list")["locks"]
    assert (lock["name"], lock["owner"], lock["host"], lock["expired"]) == ("deploy", "ci", app.host, False)


def test_a_lock_is_shown_in_full(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy", owner="ci")
    assert backlog.json("lock", "info", "deploy")["owner"] == "ci"


def test_a_lock_that_nobody_holds_is_not_found(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy")
    assert "→ Held: deploy" in backlog.refusal("lock", "info", "nothing", exits=3)


def test_the_lock_of_another_is_released_only_by_force(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy", owner="ci")
    assert "deploy is held by ci" in backlog.refusal("lock", "release", "deploy", exits=4)
    backlog("lock", "release", "deploy", "--force")
    assert backlog.json("lock", "list")["locks"] == []


def test_one_s_own_lock_is_released_without_force(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy")
    backlog("lock", "release", "deploy")
    assert backlog.json("lock", "list")["locks"] == []


def test_what_is_released_by_hand_stands_in_the_journal(backlog: Backlog, app: App) -> None:
    app.locks.acquire("deploy")
    backlog("lock", "release", "deploy")
    assert backlog.events() == ["lock_released"]


def test_asked_to_release_a_claim_it_names_the_command_for_that(backlog: Backlog) -> None:
    register(backlog)
    assert "deespec sbi hold SBI-1 --now" in backlog.refusal("lock", "release", "sbi-1", exits=3)


def test_cleaning_up_counts_what_it_freed(backlog: Backlog, app: App, dead: Worker) -> None:
    app.locks.acquire("deploy", ttl_ms=1)
    app.store.wait(20)
    assert backlog.json("lock", "cleanup") == {"schema": 1, "locks": 1, "claims": 0, "workers": [dead.name]}


def test_cleaning_up_where_all_is_clean_says_so(backlog: Backlog) -> None:
    assert "Nothing to clean up" in backlog("lock", "cleanup")


# --- config ---------------------------------------------------------------------------------------------------------


def test_settings_are_listed_with_where_they_come_from(backlog: Backlog) -> None:
    found = {one["key"]: one for one in backlog.json("config", "list")["settings"]}
    assert (found["run.max_turns"]["value"], found["run.max_turns"]["source"]) == (8, "default")
    assert found["run.implement"]["source"] == str(backlog.home / "config.toml")


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_what_looks_like_a_secret_is_not_printed(backlog: Backlog, form: tuple[str, ...]) -> None:
    said = backlog("config", "list", *form)
    assert "(hidden)" in said
    assert "abcdef123456" not in said
    assert "s3cr3t-value" not in said


def test_a_name_after_the_name_of_a_secret_is_none(backlog: Backlog) -> None:
    backlog("config", "set", "agents.player.pass_env", '["ANTHROPIC_API_KEY", "FOO"]')
    assert backlog.json("config", "get", "agents.player.pass_env")["value"] == ["ANTHROPIC_API_KEY", "FOO"]
    backlog("config", "set", "agents.player.args", '["--api-key", "abc", "--fast"]')
    assert backlog.json("config", "get", "agents.player.args")["value"] == ["--api-key", "(hidden)", "--fast"]
    backlog("config", "set", "agents.player.env", '{MY_TOKEN = "abc", FOO = "bar"}')
    assert backlog.json("config", "get", "agents.player.env")["value"] == "MY_TOKEN, FOO"


def test_a_table_of_texts_is_asked_for_with_an_example(backlog: Backlog) -> None:
    said = backlog.refusal("config", "set", "agents.player.env", "FOO=bar", exits=2)
    assert """agents.player.env takes a table of texts, as '{FOO = "bar"}'.""" in said


@pytest.mark.parametrize(
    "value", ["--api-key sk-ant-abcdef", "API_TOKEN=abc", "-H 'Authorization: Bearer abc'", "ghp_0123456789abcdef"]
)
def test_secrets_are_known_by_their_name_or_their_form(backlog: Backlog, value: str) -> None:
    backlog("config", "set", "agents.player.args", json.dumps([value]))
    said = backlog("config", "get", "agents.player.args")
    assert "(hidden)" in said
    assert "abc" not in said


def test_one_setting_is_printed_so_that_set_takes_it_again(backlog: Backlog) -> None:
    assert backlog("config", "get", "run.turn_timeout") == "30 min\n"


def test_a_setting_that_is_changed_counts(backlog: Backlog) -> None:
    backlog("config", "set", "run.max_turns", "3")
    assert backlog.json("config", "get", "run.max_turns")["value"] == 3


def test_a_setting_that_the_environment_overrides_is_named(backlog: Backlog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEESPEC_RUN_MAX_TURNS", "5")
    assert "but DEESPEC_RUN_MAX_TURNS sets run.max_turns = 5" in backlog("config", "set", "run.max_turns", "3")


def test_the_paths_are_named_even_if_the_settings_are_not_valid(backlog: Backlog) -> None:
    (backlog.home / "config.toml").write_text("garbage")
    assert backlog.json("config", "path")["backlog"] == {"path": str(backlog.home / "config.toml"), "exists": True}


def test_the_check_finds_what_is_wrong_with_the_settings(backlog: Backlog) -> None:
    (backlog.home / "config.toml").write_text("[run]\nparalel = 2\n")
    assert "Did you mean run.parallel?" in backlog("config", "check", exits=2)


def test_the_check_finds_a_prompt_that_cannot_be_parsed(backlog: Backlog) -> None:
    (backlog.home / "prompts").mkdir()
    (backlog.home / "prompts" / "review.md").write_text("one\n{% if %}")
    assert "review.md:2:" in backlog("config", "check", exits=2)


# --- version, completion --------------------------------------------------------------------------------------------


def test_the_version_names_what_deespec_stands_on(elsewhere: Backlog) -> None:
    assert list(elsewhere.json("version")) == ["schema", "deespec", "python", "sqlite", "apsw", "platform"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_calls_deespec_back(elsewhere: Backlog, shell: str) -> None:
    assert f"_DEESPEC_COMPLETE={shell}_complete" in elsewhere("completion", shell)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deespec lock ", ["plain,list", "plain,info", "plain,release", "plain,cleanup"]),
        ("deespec completion b", ["plain,bash"]),
        ("deespec nosuch x", []),
        ("deespec journal export --af", ["plain,--after"]),
    ],
)
def test_pressing_tab_completes(elsewhere: Backlog, words: str, expected: list[str]) -> None:
    count = len(words.split(" ")) - 1
    env = {**os.environ, "_DEESPEC_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run([sys.executable, "-m", "deespec"], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


# --- from inside a turn ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        "sbi update 1 --priority low",
        "sbi edit 1",
        "worker stop --all",
        "agent pause player",
        "agent resume player",
        "lock release deploy",
        "lock cleanup",
        "config set run.max_turns 3",
    ],
)
def test_an_agent_cannot_change_the_backlog_it_works_for(
    backlog: Backlog, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    register(backlog)
    turn = {"HOME": str(backlog.home), "ITEM": "SBI-1", "TURN": "3", "CLAIM": "x"}
    for name, value in turn.items():
        monkeypatch.setenv(f"DEESPEC_{name}", value)
    assert (
        backlog.refusal(*command.split(), exits=4) == "Not from inside a turn (SBI-1 turn 3). Say it in your report.\n"
    )
