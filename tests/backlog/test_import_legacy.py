"""What comes over from a project of the Go deespec, whatever state it is in; and that nothing of it is changed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import apsw
import pytest
from go_project import GoProject, state_of, ulid, unpack_shop

from deespec.backlog.imports.legacy import Brought, into_existing, into_new, read_into
from deespec.backlog.imports.legacy_place import alone, find_source
from deespec.clock import Clock
from deespec.config import load_settings
from deespec.errors import NotFound, NotPossible, StoreCorrupt
from deespec.model.items import JournalEntry, Sbi, Turn
from deespec.store.base import Store
from deespec.store.opener import FILE, create_store, open_store
from deespec.store.upkeep.check import check

OWNER = "person@test"


class Imports:
    """Brings projects into new backlogs, and looks at what came."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "new" / ".deespec"
        self.env = {"HOME": str(folder)}
        self._open: list[Store] = []

    def __call__(self, project: Path, *, in_place: bool = False) -> Brought:
        self.home = project / ".deespec" if in_place else self.home
        source = find_source(project).folder
        return into_new(
            source, self.home, in_place=in_place, actor=OWNER, env=self.env, clock=Clock(), command="the command"
        )

    def again(self, project: Path) -> Brought:
        """Into the backlog that is there."""
        plan = read_into(find_source(project).folder, self.home, env=self.env, owner=OWNER, command="the command")
        return into_existing(plan, self.home, self.store, actor=OWNER, env=self.env)

    @property
    def store(self) -> Store:
        self._open.append(open_store(str(self.home / FILE), clock=Clock(), busy_ms=5_000))
        return self._open[-1]

    def close(self) -> None:
        for one in self._open:
            one.close()

    def sbis(self) -> list[Sbi]:
        with self.store.read() as tx:
            return [tx.sbi(number) for number in range(1, sum(tx.counts().values()) + 1)]

    def sbi(self, title: str) -> Sbi:
        return next(one for one in self.sbis() if one.title == title)

    def turns(self, sbi: Sbi) -> list[Turn]:
        with self.store.read() as tx:
            return tx.turns(sbi.number)

    def journal(self, item: str | None = None, event: str | None = None) -> list[JournalEntry]:
        with self.store.read() as tx:
            return tx.journal(item=item, event=event)

    def orphans(self) -> list[str]:
        with self.store.read() as tx:
            return tx.orphans()


@pytest.fixture
def bring(tmp_path: Path) -> Iterator[Imports]:
    made = Imports(tmp_path)
    yield made
    made.close()


@pytest.fixture
def go(tmp_path: Path) -> GoProject:
    return GoProject(tmp_path / "shop")


def told(done: Brought, words: str) -> list[str]:
    return [note for note in done.notes if words in note]


# --- the real one -----------------------------------------------------------------------------------------------------


def test_the_shop_comes_over_complete(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    done = bring(project)
    sbis = bring.sbis()
    assert [(one.title, one.status, one.held) for one in sbis] == [
        ("ログイン API を実装する", "DONE", False),
        ("Rate limit the login endpoint", "DONE", False),
        ('Title with "quotes", a \\\\ backslash and émojis 🚀', "PENDING", True),
        ("Only implement this", "DONE", False),
        ("SBI number 1", "DONE", False),
        ("SBI number 3", "DONE", False),
        ("This one fails", "FAILED", False),
        ("Depends on the failed one", "PENDING", True),
        ("Still pending", "PENDING", True),
    ]
    assert {one.id: one.depends_on for one in sbis if one.depends_on} == {
        "SBI-2": ("SBI-1",),
        "SBI-6": ("SBI-5",),
        "SBI-8": ("SBI-7",),
    }
    assert [len(bring.turns(one)) for one in sbis] == [2, 2, 2, 1, 2, 2, 1, 0, 0]
    assert done.plan.reports >= 12
    assert sbis[0].uid == "01M836PVH3AFH18R1Q07G5PDGA"
    assert sbis[0].labels == ("security", "backend")
    assert [one.parent for one in sbis] == [None, None, None, None, "PBI-1", "PBI-1", None, None, None]
    assert {path.name for path in (bring.home / "labels").iterdir()} == {"security.md", "backend.md"}
    assert bring.orphans() == []


def test_each_report_of_the_shop_is_one_turn_and_what_the_agent_printed_stands_below_it(
    tmp_path: Path, bring: Imports
) -> None:
    bring(unpack_shop(tmp_path))
    first, second = bring.turns(bring.sbis()[0])
    assert (first.step, first.outcome, first.decision) == ("implement", "implemented", None)
    assert (second.step, second.outcome, second.decision) == ("review", "succeeded", "SUCCEEDED")
    assert first.report is not None
    assert "fake report" in first.report
    assert "What the agent printed (implement_3.md):\n\nfake agent output" in first.report


def test_the_drafts_of_the_shop_that_were_not_registered_stand_in_the_spec_of_their_pbi(
    tmp_path: Path, bring: Imports
) -> None:
    done = bring(unpack_shop(tmp_path))
    with bring.store.read() as tx:
        pbi = tx.pbi(1)
    assert (pbi.title, pbi.status, pbi.priority, pbi.story_points) == ("全文検索", "DONE", "urgent", 8)
    assert "### sbi_2.md (rejected by taro: duplicate)" in pbi.spec
    assert "### sbi_004_integration.md (not in approval.yaml)" in pbi.spec
    assert "sbi_1.md" not in pbi.spec
    assert "report.md" in pbi.spec
    assert len(told(done, "2 drafts")) == 1


def test_both_journals_of_the_shop_are_told_with_source_and_time(tmp_path: Path, bring: Imports) -> None:
    bring(unpack_shop(tmp_path))
    history = bring.journal(event="history")
    details = [json.loads(one.detail or "") for one in history]
    assert len(history) == 37
    assert {one["source"].partition(":")[0] for one in details} == {"journal.ndjson", "var/journal.ndjson"}
    assert details[0] == {
        "source": "var/journal.ndjson:1",
        "attempt": 1,
        "decision": "PICKED",
        "elapsed_ms": 1,
        "status": "WIP",
        "step": "pick",
        "turn": 1,
    }
    assert history[0].at == 1_795_404_054_574
    assert [one.at for one in history] == sorted(one.at for one in history)


# --- nothing is changed -----------------------------------------------------------------------------------------------


def test_no_byte_and_no_time_of_the_project_changes(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    before = state_of(project)
    bring(project)
    assert state_of(project) == before


def test_in_place_the_old_folder_is_kept_as_it_was(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    before = state_of(project / ".deespec")
    done = bring(project, in_place=True)
    assert done.kept == project / ".deespec-go"
    assert state_of(project / ".deespec-go") == before
    assert sorted(one.name for one in project.iterdir()) == [".deespec", ".deespec-go"]
    assert len(bring.sbis()) == 9
    assert bring.orphans() == []


def test_rows_that_are_only_in_the_log_count(go: GoProject, bring: Imports) -> None:
    go.sbi(1)
    go.open.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    go.sbi(2, title="In the log")
    project = go.left_behind()
    assert (project / ".deespec" / "deespec.db-wal").stat().st_size
    before = state_of(project)
    bring(project)
    assert [one.title for one in bring.sbis()] == ["Item 1", "In the log"]
    assert state_of(project) == before


@pytest.mark.parametrize("in_place", [True, False])
def test_a_project_that_a_process_has_open_is_refused_by_its_name(
    go: GoProject, bring: Imports, in_place: bool
) -> None:
    go.sbi(1)
    project = go.close()
    held = f"import sys; file = open({str(go.database)!r}, 'rb'); print('open', flush=True); sys.stdin.read()"
    with Popen([sys.executable, "-c", held], stdin=PIPE, stdout=PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        before = state_of(project)
        with pytest.raises(NotPossible, match=f"in use by .*{process.pid}") as refused:
            bring(project, in_place=in_place)
        assert refused.value.hint == "End it, then: the command"
        assert state_of(project) == before
        process.communicate()
    bring(project, in_place=in_place)


# --- twice ------------------------------------------------------------------------------------------------------------


def test_a_second_time_brings_nothing(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    bring(project)
    entries = bring.journal()
    config = (bring.home / "config.toml").read_text(encoding="utf-8")
    done = bring.again(project)
    assert (done.items, done.settings, done.labels) == ((), (), ())
    assert bring.journal() == entries
    assert (bring.home / "config.toml").read_text(encoding="utf-8") == config


def test_what_was_registered_since_comes_the_second_time_with_its_needs(go: GoProject, bring: Imports) -> None:
    first = go.sbi(1)
    bring(go.close())
    go.reopen()
    go.need(go.sbi(2), first)
    done = bring.again(go.close())
    assert done.items == ("SBI-2",)
    assert bring.sbis()[1].depends_on == ("SBI-1",)
    assert bring.orphans() == []


def test_items_whose_ids_are_no_ulids_are_known_again(go: GoProject, bring: Imports) -> None:
    go.sbi(1, id="SBI-001")
    go.sbi(2, id="a b/../c")
    project = go.close()
    bring(project)
    assert len({one.uid for one in bring.sbis()}) == 2
    assert bring.again(project).items == ()


def test_into_a_backlog_with_items_of_its_own_they_come_behind_them(
    go: GoProject, bring: Imports, tmp_path: Path
) -> None:
    pbi = go.pbi(1)
    go.need(go.sbi(2, parent_pbi_id=pbi), go.sbi(1, status="DONE"))
    project = go.close()
    bring(unpack_shop(tmp_path / "other"))
    done = bring.again(project)
    assert done.items == ("PBI-2", "SBI-10", "SBI-11")
    mine = bring.sbis()[10]
    assert (mine.depends_on, mine.parent, mine.held) == (("SBI-10",), "PBI-2", True)
    parts = check(str(bring.home / FILE), clock=Clock(), busy_ms=5_000).parts
    assert [one.found for one in parts if one.found] == []


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("schema", range(1, 9))
def test_every_schema_version_comes_over(tmp_path: Path, bring: Imports, schema: int) -> None:
    go = GoProject(tmp_path / "old", schema=schema)
    go.put("epics", id=ulid(9), title="Theme", status="PENDING", priority=0, created_at="2025-10-18 08:00:00")
    pbi = go.pbi(1, parent_epic_id=ulid(9))
    one = go.sbi(1, parent_pbi_id=pbi, status="IMPLEMENTING", labels='["security"]')
    two = go.sbi(2, title="Second", status="DONE", **({"only_implement": 1} if schema == 8 else {}))
    if schema >= 5:
        go.need(one, two)
    go.report(two, "implement_3", "I did it")
    done = bring(go.close())
    with bring.store.read() as tx:
        assert (tx.pbi(1).parent, tx.epic(1).status, tx.sbi(1).parent) == ("EPIC-1", "PLANNED", "PBI-1")
    assert done.plan.schema == schema
    assert [one.status for one in bring.sbis()] == ["PENDING", "DONE"]
    assert [one.report for one in bring.turns(bring.sbi("Second"))] == ["I did it"]
    assert bring.sbi("Second").only_implement is (schema == 8)
    assert bring.orphans() == []


def test_a_project_without_database_comes_from_its_folders(tmp_path: Path, bring: Imports) -> None:
    folder = tmp_path / "old" / ".deespec"
    for name, text in {
        "state.json": '{"version": 1, "step": "implement", "turn": 4, "current": "SBI-001"}',
        "specs/sbi/SBI-001/spec.md": "# The first\n\nDo it",
        "specs/sbi/SBI-001/meta.yml": "title: First\nstatus: doing\nlabels: [security]\n",
        "specs/sbi/SBI-001/implement_3.md": "half of it",
        "specs/sbi/SBI-002/spec.md": "# The second\n",
        "specs/pbi/PBI-001/pbi.md": "# Group\n",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    done = bring(tmp_path / "old")
    first, second = bring.sbis()
    assert (first.title, first.status, first.held, first.labels) == ("First", "PENDING", True, ("security",))
    assert second.title == "The second"
    assert [one.report for one in bring.turns(first)] == ["half of it"]
    assert told(done, "1 PBIs and 2 SBIs were found as folders")
    assert told(done, "step implement, turn 4, current SBI-001")


def test_a_folder_that_is_no_project_is_not_found(tmp_path: Path, bring: Imports) -> None:
    (tmp_path / ".deespec").mkdir()
    with pytest.raises(NotFound):
        bring(tmp_path)
    assert not bring.home.exists()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("", "is empty"),
        ("CREATE TABLE bookmarks (url TEXT)", "is no database of the Go deespec: its tables are bookmarks"),
    ],
)
def test_a_database_of_another_program_is_refused_by_what_it_is_and_nothing_is_moved(
    tmp_path: Path, bring: Imports, sql: str, said: str
) -> None:
    folder = tmp_path / "other" / ".deespec"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}", encoding="utf-8")
    (folder / "deespec.db").touch()
    if sql:
        raw = apsw.Connection(str(folder / "deespec.db"))
        raw.execute(sql)
        raw.close()
    before = state_of(tmp_path / "other")
    with pytest.raises(NotPossible, match=said):
        bring(tmp_path / "other", in_place=True)
    assert state_of(tmp_path / "other") == before


@pytest.mark.parametrize("encoding", ["UTF-8", "UTF-16le", "UTF-16be"])
def test_text_that_is_no_text_is_made_readable_and_told(tmp_path: Path, bring: Imports, encoding: str) -> None:
    folder = tmp_path / "old" / ".deespec"
    folder.mkdir(parents=True)
    raw = apsw.Connection(str(folder / "deespec.db"))
    raw.execute(f"PRAGMA encoding = '{encoding}'")
    raw.execute("CREATE TABLE sbis (id TEXT, title TEXT, description TEXT, file_paths TEXT)")
    raw.execute("CREATE TABLE pbis (id TEXT)")
    broken = b"bro\xffken" if encoding == "UTF-8" else "bro".encode(encoding) + b"\x00\xdc\xdc\x00"
    raw.execute("INSERT INTO sbis VALUES ('a', 'Größe 🚀', CAST(? AS TEXT), NULL)", (broken,))
    raw.close()
    done = bring(tmp_path / "old")
    [one] = bring.sbis()
    assert one.title == "Größe 🚀"
    assert one.spec.startswith("bro")
    assert "\N{REPLACEMENT CHARACTER}" in one.spec
    assert told(done, "sbis.description")


def test_a_database_that_is_none_leaves_nothing_behind(tmp_path: Path, bring: Imports) -> None:
    (tmp_path / "bad" / ".deespec").mkdir(parents=True)
    (tmp_path / "bad" / ".deespec" / "deespec.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StoreCorrupt):
        bring(tmp_path / "bad")
    assert not bring.home.parent.exists()


# --- what is wrong in it ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("was", "status", "held"),
    [
        ("pending", "PENDING", True),
        ("implementing", "PENDING", True),
        ("PICKED", "PENDING", True),
        ("REVIEWING", "PENDING", True),
        ("", "PENDING", True),
        (None, "PENDING", True),
        ("WHATEVER", "PENDING", True),
        ("DONE", "DONE", False),
        ("FAILED", "FAILED", False),
    ],
)
def test_every_status_has_its_place(go: GoProject, bring: Imports, was: str | None, status: str, held: bool) -> None:
    go.sbi(1, status=was)
    bring(go.close())
    [one] = bring.sbis()
    assert (one.status, one.held) == (status, held)
    assert bring.orphans() == []


def test_what_was_in_work_keeps_its_reports_for_the_next_prompt(go: GoProject, bring: Imports) -> None:
    one = go.sbi(1, status="IMPLEMENTING", current_turn=4)
    for number, (step, decision) in enumerate((("implement", None), ("review", "NEEDS_CHANGES")), 2):
        go.put("sbi_exec_logs", sbi_id=one, turn=number, step=step.upper(), decision=decision)
        go.report(one, f"{step}_{number}", f"words of {step}")
        go.report(one, f"{step}_{number + 1}", f"printed by {step}")
    bring(go.close())
    [item] = bring.sbis()
    turns = bring.turns(item)
    assert [(one.number, one.outcome) for one in turns] == [(1, "implemented"), (2, "needs_changes")]
    assert (item.turn, item.turns_used, item.turns_reset) == (2, 0, 0)


def test_what_was_reset_begins_afresh(go: GoProject, bring: Imports) -> None:
    go.report(go.sbi(1, status="pending"), "implement_3", "of before")
    bring(go.close())
    [item] = bring.sbis()
    assert (item.turn, item.turns_reset) == (1, 1)


@pytest.mark.parametrize(
    "time",
    [
        "2025-10-18 10:00:01.574210179+00:00",
        "2025-10-18 10:00:01.574",
        "2025-10-18T10:00:01.574999Z",
        "2025-10-18T19:00:01.574+09:00",
        "2025-10-18 19:00:01.574 +0900 JST m=+0.123",
    ],
)
def test_times_are_read_in_every_format(go: GoProject, bring: Imports, time: str) -> None:
    go.sbi(1, registered_at=time, started_at=None)
    bring(go.close())
    assert bring.sbis()[0].registered_at == 1_760_781_601_574


def test_the_order_is_that_of_registration_and_the_sequence_decides_only_between_equal_times(
    go: GoProject, bring: Imports
) -> None:
    for number, (time, sequence) in enumerate(
        (("2025-10-18 10:00:02", 1), ("2025-10-18 10:00:01", 2), ("2025-10-18 10:00:01", 1)), 1
    ):
        go.sbi(number, registered_at=time, sequence=sequence)
    bring(go.close())
    assert [one.title for one in bring.sbis()] == ["Item 3", "Item 2", "Item 1"]


def test_rows_of_nothing_but_null_come_over(go: GoProject, bring: Imports) -> None:
    go.sql("INSERT INTO sbis (id) VALUES (NULL)")
    go.sql("INSERT INTO pbis (id) VALUES (NULL)")
    go.sql("INSERT INTO epics (id) VALUES (NULL)")
    go.sql("INSERT INTO labels (id) VALUES (1)")
    go.sql("INSERT INTO sbi_exec_logs (id) VALUES (1)")
    go.sql("INSERT INTO sbi_dependencies VALUES (NULL, NULL)")
    bring(go.close())
    assert [one.title for one in bring.sbis()] == ["An item without a title"]
    assert bring.orphans() == []


def test_needs_that_cannot_be_are_left_out_and_told(go: GoProject, bring: Imports) -> None:
    one, two, three = (go.sbi(number) for number in (1, 2, 3))
    go.need(one, two)
    go.need(two, three)
    go.need(three, one)
    go.need(two, two)
    go.need(one, "gone")
    go.need("gone", one)
    done = bring(go.close())
    assert [one.depends_on for one in bring.sbis()] == [("SBI-2",), ("SBI-3",), ()]
    assert told(done, "SBI 'Item 3' needed 'Item 1', which needs it")
    assert told(done, "SBI 'Item 2' needed itself")
    assert told(done, "SBI 'Item 1' needed 'gone', which is not in the project")
    assert told(done, "a need of 'gone'")
    assert bring.orphans() == []


def test_an_id_that_is_there_twice_makes_two_items(go: GoProject, bring: Imports) -> None:
    go.sbi(1)
    go.sbi(2, id=ulid(1))
    done = bring(go.close())
    assert [one.title for one in bring.sbis()] == ["Item 1", "Item 2"]
    assert told(done, "is there 2 times")
    assert bring.again(go.root).items == ()


def test_a_missing_parent_is_told(go: GoProject, bring: Imports) -> None:
    go.sbi(1, parent_pbi_id="gone")
    go.pbi(1, parent_epic_id="gone")
    done = bring(go.close())
    assert bring.sbis()[0].parent is None
    assert len(told(done, "was below 'gone'")) == 2


def test_fields_that_may_not_be_so_here_are_made_right_and_told(go: GoProject, bring: Imports) -> None:
    go.sbi(
        1,
        title="x" * 300 + "\nsecond line",
        labels='["a:b", "c d!", 7, ":"]',
        file_paths='["src/**", "/etc/passwd", "../out", ""]',
        assigned_agent="gemini-cli",
        estimated_hours=-1,
        priority=9,
        max_turns=3,
    )
    go.pbi(1, story_points=21, acceptance_criteria='["it works"]')
    done = bring(go.close())
    [one] = bring.sbis()
    assert len(one.title) == 200
    assert one.spec.startswith("# " + "x" * 300 + "\nsecond line")
    assert one.labels == ("a/b", "c-d")
    assert one.paths == ("src/**",)
    assert (one.agent, one.estimate_hours, one.priority, one.max_turns) == ((), None, "normal", None)
    for words in ("its title", "'a:b' is called 'a/b'", "/etc/passwd, ../out", "gemini-cli", "priority 9", "21 story"):
        assert told(done, words), words
    assert told(done, "max_turns 3 was never used")


def test_priorities_agents_and_flags_mean_the_same(go: GoProject, bring: Imports) -> None:
    for number, priority in enumerate((0, 1, 2, 3, -1), 1):
        go.sbi(number, priority=priority, assigned_agent="claude-code", only_implement=number % 2, estimated_hours=2.5)
    bring(go.close())
    assert [one.priority for one in bring.sbis()] == ["normal", "high", "urgent", "normal", "low"]
    assert {one.agent for one in bring.sbis()} == {("claude",)}
    assert [one.only_implement for one in bring.sbis()] == [True, False, True, False, True]
    assert {one.estimate_hours for one in bring.sbis()} == {2.5}


def test_the_text_comes_from_the_file_and_else_from_the_database(go: GoProject, bring: Imports) -> None:
    first, second = go.sbi(1), go.sbi(2)
    go.file(f"specs/sbi/{first}/spec.md", "From the file\n")
    go.file(f"specs/sbi/{second}/spec.md", " \n")
    bring(go.close())
    assert [one.spec for one in bring.sbis()] == ["From the file", "Do 2"]


def test_rows_of_locks_do_not_come(go: GoProject, bring: Imports) -> None:
    go.sbi(1)
    go.put("run_locks", lock_id="run", pid=1, hostname="elsewhere", expires_at="2999-01-01 00:00:00")
    bring(go.close())
    with bring.store.read() as tx:
        assert tx.locks() == []


def test_broken_lines_of_a_journal_are_counted_and_the_others_come(go: GoProject, bring: Imports) -> None:
    one = go.sbi(1)
    go.file(
        "var/journal.ndjson",
        b'{"timestamp":"2025-10-18T11:00:00Z","sbi_id":"%s","step":"pick"}\n{"half":\n\xff\xfe\n[1]\n'
        b'{"ts":"no time","sbi_id":"%s","step":"later","artifacts":7,"elapsed_ms":"x","error":{"a":1}}\n'
        b'{"ts":"2025-10-18T12:00:00Z","sbi_id":"unknown","step":"old"}\n' % ((one.encode(),) * 2),
    )
    done = bring(go.close())
    found = [(one.item, json.loads(one.detail or "")["step"]) for one in bring.journal(event="history")]
    assert found == [("SBI-1", "pick"), ("SBI-1", "later"), (None, "old")]
    assert told(done, "3 lines cannot be read and were left out: 2, 3, 4")
    assert bring.orphans() == []


def test_a_journal_as_one_list_is_read(go: GoProject, bring: Imports) -> None:
    one = go.sbi(1)
    go.file("var/journal.ndjson", json.dumps([{"timestamp": "2025-10-18T11:00:00Z", "sbi_id": one, "step": "pick"}]))
    bring(go.close())
    assert len(bring.journal("SBI-1", "history")) == 1


def test_a_failed_item_can_be_retried_and_knows_why_it_failed(go: GoProject, bring: Imports) -> None:
    one = go.sbi(1, status="FAILED", completed_at=None)
    go.journal(
        {"timestamp": "2025-10-18T11:00:00Z", "sbi_id": one, "status": "FAILED", "step": "unknown", "error": "boom\n"}
    )
    bring(go.close())
    [item] = bring.sbis()
    assert (item.stopped_in, item.reason, item.turn) == ("IMPLEMENTING", "boom", 1)
    assert [turn.error for turn in bring.turns(item)] == ["boom"]
    assert bring.orphans() == []


# --- hostile --------------------------------------------------------------------------------------------------------


def test_links_that_lead_out_are_not_followed(go: GoProject, bring: Imports, tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text("a secret", encoding="utf-8")
    one, two = go.sbi(1), go.sbi(2)
    for link, target in {
        f"specs/sbi/{one}/spec.md": secret,
        f"reports/sbi/{one}/implement_3.md": secret,
        f"reports/sbi/{two}": tmp_path,
        "prompts/labels/evil.md": secret,
        "setting.json": secret,
    }.items():
        path = go.folder / link
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    os.mkfifo(go.folder / "journal.ndjson")
    go.put("labels", id=1, name="evil", template_paths=json.dumps([".deespec/prompts/labels/evil.md", str(secret)]))
    go.sbi(3, id="../../..")
    done = bring(go.close())
    with bring.store.read() as tx:
        everything = json.dumps([one.spec for one in bring.sbis()] + [one.report for one in tx.turns(1)])
    labels = [path.read_text(encoding="utf-8") for path in (bring.home / "labels").iterdir()]
    assert "secret" not in everything + "".join(labels)
    assert told(done, f"reports/sbi/{two} is or lies behind a symbolic link")


def test_views_and_triggers_of_a_hostile_database_are_not_run(tmp_path: Path, bring: Imports) -> None:
    go = GoProject(tmp_path / "evil")
    go.sql("DROP TABLE labels")
    go.sql("CREATE VIEW labels AS SELECT 1 AS id, 'from a view' AS name")
    go.sbi(1)
    done = bring(go.close())
    assert done.plan.labels == ()


# --- labels and settings ----------------------------------------------------------------------------------------------


def test_label_files_are_found_by_whatever_path_the_database_has(go: GoProject, bring: Imports) -> None:
    go.file("prompts/labels/a.md", "from a")
    go.file("prompts/labels/b.md", "from b")
    (go.root / ".claude").mkdir()
    (go.root / ".claude" / "c.md").write_text("from c", encoding="utf-8")
    paths = ["/srv/elsewhere/shop/.deespec/prompts/labels/a.md", "b.md", "c.md", "missing.md"]
    go.put("labels", id=1, name="all: of it", description='say "yes"', priority=5, template_paths=json.dumps(paths))
    go.put("labels", id=2, name="off", parent_label_id=1, is_active=0, template_paths='["b.md"]')
    done = bring(go.close())
    text = (bring.home / "labels" / "all+of-it.md").read_text(encoding="utf-8")
    assert text == '---\ndescription: "say \\"yes\\""\npriority: 5\n---\n\nfrom a\n\nfrom b\n\nfrom c\n'
    assert "parent: " in (bring.home / "labels" / "inactive" / "off.md").read_text(encoding="utf-8")
    assert told(done, "missing.md is not in the project")


def test_files_of_labels_that_the_database_does_not_name_are_labels_too(go: GoProject, bring: Imports) -> None:
    go.file("prompts/labels/known.md", "known")
    go.file("prompts/labels/lonely.md", "lonely words")
    go.file("prompts/labels/web/css.md", "---\nNo rules.\n---\nNone.")
    go.put("labels", id=1, name="known", template_paths='["known.md"]')
    done = bring(go.close())
    labels = {path.name: path.read_text(encoding="utf-8") for path in (bring.home / "labels").iterdir()}
    assert labels == {
        "known.md": "known\n",
        "lonely.md": "lonely words\n",
        "web+css.md": "---\n---\n\n---\nNo rules.\n---\nNone.\n",
    }
    assert told(done, "prompts/labels/web/css.md belongs to no label of the database: it is the label 'web/css' here")
    assert not told(done, "prompts/labels/known.md")


def test_labels_between_commas_are_labels(go: GoProject, bring: Imports) -> None:
    for number, labels in enumerate(("a,b", "one", "", "null", '["c"]'), 1):
        go.sbi(number, labels=labels)
    bring(go.close())
    assert [one.labels for one in bring.sbis()] == [("a", "b"), ("one",), (), (), ("c",)]


def test_what_lies_beside_the_backlog_is_told(go: GoProject, bring: Imports) -> None:
    pbi = go.pbi(1)
    go.file(f"specs/pbi/{pbi}/decompose_prompt.md", "Decompose")
    go.file(f"specs/pbi/{pbi}/README.md", "Read me")
    go.file("archives/2025/spec.md", "old")
    done = bring(go.close())
    assert told(done, "PBI 'Group 1': README.md and decompose_prompt.md beside it were left out")
    assert told(done, "archives: what it holds (1 files or folders) was left out")


def test_needs_and_work_of_a_project_without_database_are_known_or_told(tmp_path: Path, bring: Imports) -> None:
    folder = tmp_path / "old" / ".deespec"
    for name, words in {
        "state.json": '{"version": 1, "wip": "SBI-002"}',
        "specs/sbi/SBI-001/spec.md": "# One\n",
        "specs/sbi/SBI-002/spec.md": "# Two\n",
        "specs/sbi/SBI-002/meta.yaml": "depends_on: [SBI-001]\n",
        "prompts/labels/web.md": "guide",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(words, encoding="utf-8")
    done = bring(tmp_path / "old")
    assert {one.title: len(one.depends_on) for one in bring.sbis()} == {"One": 0, "Two": 1}
    assert told(done, "wip SBI-002")
    assert (bring.home / "labels" / "web.md").read_text(encoding="utf-8") == "guide\n"


def test_an_sbi_directly_below_an_epic_stays_there(go: GoProject, bring: Imports) -> None:
    go.put("epics", id=ulid(9), title="Theme", status="PENDING", priority=0, created_at="2025-10-18 08:00:00")
    go.sbi(1, parent_pbi_id=ulid(9))
    done = bring(go.close())
    assert bring.sbis()[0].parent == "EPIC-1"
    assert not told(done, "it has no parent")
    assert bring.orphans() == []


@pytest.mark.parametrize(
    ("decision", "call_fails", "stopped_in"),
    [
        ("FAILED", False, "REVIEWING"),
        (None, True, "REVIEWING"),
        ("NEEDS_CHANGES", False, "IMPLEMENTING"),
    ],
)
def test_what_failed_in_review_goes_on_there(
    go: GoProject, bring: Imports, decision: str | None, call_fails: bool, stopped_in: str
) -> None:
    one = go.sbi(1, status="FAILED")
    go.report(one, "implement_2", "done")
    if decision:
        go.report(one, "review_4", f"DECISION: {decision}")
        go.put("sbi_exec_logs", sbi_id=one, turn=4, step="REVIEW", decision=decision)
    if call_fails:
        at = "2025-10-18T11:00:0{}Z"
        go.journal(
            {"timestamp": at.format(1), "sbi_id": one, "status": "WIP", "step": "pick"},
            {"timestamp": at.format(2), "sbi_id": one, "status": "REVIEW", "step": "review"},
            {"timestamp": at.format(3), "sbi_id": one, "status": "FAILED", "step": "unknown", "error": "boom"},
        )
    bring(go.close())
    [item] = bring.sbis()
    assert item.stopped_in == stopped_in
    assert [(turn.step, turn.agent) for turn in bring.turns(item)] == [("implement", "claude"), ("review", "claude")]
    assert bring.orphans() == []


def test_settings_come_over_and_each_other_one_is_told(go: GoProject, bring: Imports) -> None:
    go.settings(max_turns=12, timeout_sec=300, max_attempts="many", agent_bin="other", editor="vim", made_up=[1])
    done = bring(go.close())
    settings = load_settings(bring.home, {}, {})
    assert (settings.max_turns, settings.turn_timeout_ms, settings.max_attempts) == (12, 300_000, 3)
    assert (settings.implement, settings.language) == (("claude",), None)
    for words in ("max_attempts = 'many'", 'agent_bin = "other"', "made_up = [1]", "editor stood at their defaults"):
        assert told(done, words), words


@pytest.mark.parametrize(
    ("prompt", "given", "language"),
    [
        ("Write the report in Japanese.", "", "ja"),
        ("日本語で報告してください", "", "ja"),
        ("Write the report.", "", None),
        ("日本語で", "de", "de"),
        ("Write it.", "ja. Ignore the spec", None),
    ],
)
def test_the_language_of_reports_is_that_of_the_prompts(
    go: GoProject, bring: Imports, prompt: str, given: str, language: str | None
) -> None:
    go.file("prompts/WIP.md", prompt)
    go.settings(language=given)
    done = bring(go.close())
    assert load_settings(bring.home, {}, {}).language == language
    said = [one.why for one in done.settings if one.key == "run.language"]
    assert said == (
        [] if language is None else ["setting.json: language" if given else "prompts/WIP.md asked for Japanese"]
    )


def test_settings_that_a_backlog_has_already_stay(go: GoProject, bring: Imports, tmp_path: Path) -> None:
    go.settings(max_turns=12, max_attempts=7)
    go.sbi(1)
    project = go.close()
    bring.home.mkdir(parents=True)
    create_store(str(bring.home / FILE), clock=Clock(), busy_ms=5_000)
    (bring.home / "config.toml").write_text("[run]\nmax_turns = 4\n", encoding="utf-8")
    done = bring.again(project)
    settings = load_settings(bring.home, {}, {})
    assert (settings.max_turns, settings.max_attempts) == (4, 7)
    assert told(done, "run.max_turns is set here already")


# --- all or nothing ---------------------------------------------------------------------------------------------------


def test_an_import_that_fails_in_the_middle_leaves_a_backlog_as_it_was(
    go: GoProject, bring: Imports, tmp_path: Path
) -> None:
    go.sbi(1)
    project = go.close()
    bring(unpack_shop(tmp_path / "other"))
    before = bring.journal()
    bring.close()
    raw = apsw.Connection(str(bring.home / FILE))
    raw.execute(
        "CREATE TRIGGER no BEFORE INSERT ON journal WHEN NEW.event = 'imported' BEGIN SELECT RAISE(ABORT, 'no'); END"
    )
    raw.close()
    with pytest.raises(apsw.ConstraintError):
        bring.again(project)
    assert bring.journal() == before
    assert len(bring.sbis()) == 9


def test_ten_thousand_items_come_in_one_go(go: GoProject, bring: Imports) -> None:
    with go.open:
        pbi = go.pbi(1)
        before = ""
        for number in range(1, 10_001):
            one = go.sbi(number, parent_pbi_id=pbi, status="DONE" if number % 3 else "PENDING")
            if before:
                go.need(one, before)
            before = one
    done = bring(go.close())
    assert len(done.items) == 10_001
    assert bring.orphans() == []


# --- in place ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", ["ready", "go"])
def test_an_import_that_dies_between_its_renames_is_completed_or_done_again(
    tmp_path: Path, bring: Imports, after: str
) -> None:
    project = unpack_shop(tmp_path)
    before = state_of(project / ".deespec")
    killed = (
        "import os, signal, sys\n"
        "from deespec.cli.main import run\n"
        "rename = os.rename\n"
        "def dying(old, new):\n"
        "    rename(old, new)\n"
        f"    if '.deespec{'.importing' if after == 'ready' else '-go'}' in str(new):\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.rename = dying\n"
        "run(['import', 'legacy', '.'])\n"
    )
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with Popen([sys.executable, "-c", killed], cwd=project, env=env) as process:
        assert process.wait() == -9
    assert (project / ".deespec").exists() is (after == "ready")
    with Popen([sys.executable, "-m", "deespec", "import", "legacy", "."], cwd=project, env=env, stdout=PIPE) as again:
        said = again.communicate()[0].decode()
    assert again.returncode == 0, said
    assert ("was cut off" in said) is (after == "go")
    bring.home = project / ".deespec"
    assert len(bring.sbis()) == 9
    assert state_of(project / ".deespec-go") == before
    assert sorted(one.name for one in project.iterdir()) == [".deespec", ".deespec-go"]


def test_two_imports_at_once_do_not_build_in_one_place(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    with alone(project), pytest.raises(NotPossible, match="Another import is running"):
        bring(project, in_place=True)
    bring(project, in_place=True)


def test_of_imports_in_place_at_once_one_brings_it_and_the_others_change_nothing(
    tmp_path: Path, bring: Imports
) -> None:
    project = unpack_shop(tmp_path)
    before = state_of(project / ".deespec")
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    command = [sys.executable, "-m", "deespec", "import", "legacy", "."]
    many = [Popen(command, cwd=project, env=env, stdout=PIPE, stderr=PIPE) for _ in range(3)]
    said = [one.communicate() for one in many]
    exits = [one.returncode for one in many]
    assert exits.count(0) >= 1, said
    assert set(exits) <= {0, 3, 4}, said
    assert sorted(one.name for one in project.iterdir()) == [".deespec", ".deespec-go"]
    assert state_of(project / ".deespec-go") == before
    bring.home = project / ".deespec"
    assert len(bring.sbis()) == 9


def test_what_another_import_has_brought_meanwhile_is_not_moved_away(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    source = find_source(project).folder
    bring(project, in_place=True)
    before = state_of(project / ".deespec")
    with pytest.raises(NotPossible, match="Another import has just brought"):
        into_new(source, source, in_place=True, actor=OWNER, env=bring.env, clock=Clock(), command="the command")
    assert state_of(project / ".deespec") == before


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_row_that_is_written_while_it_is_brought_is_not_lost(
    go: GoProject, bring: Imports, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    go.sbi(1)
    project = go.close()
    rename = os.rename

    def written(old: Path, new: Path) -> None:
        mine = new.name == ".deespec-go"
        if mine and where == "after":
            rename(old, new)
        if mine or (where == "before" and new.name == ".deespec.importing"):
            raw = apsw.Connection(str((new if mine and where == "after" else go.folder) / "deespec.db"))
            raw.execute("INSERT INTO sbis (id, title) VALUES ('late', 'Late')")
            raw.close()
        if not (mine and where == "after"):
            rename(old, new)

    monkeypatch.setattr(os, "rename", written)
    with pytest.raises(NotPossible, match="was written to while it was read; nothing was changed"):
        bring(project, in_place=True)
    monkeypatch.undo()
    assert [one.name for one in project.iterdir()] == [".deespec"]
    bring(project, in_place=True)
    assert {one.title for one in bring.sbis()} == {"Item 1", "Late"}


def test_between_its_renames_no_backlog_is_made_and_none_further_up_is_used(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path / "up")
    create_home(tmp_path / "up")
    said: list[str] = []
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    commands = (["status"], ["register", "sbi", "--title", "x"], ["init", "--agent", "patch"])
    bring(project, in_place=True)
    os.rename(project / ".deespec", project / ".deespec.importing")
    (project / "below").mkdir()
    for command in commands:
        for place in (project, project / "below"):
            if command[0] == "init" and place != project:
                continue
            with Popen([sys.executable, "-m", "deespec", *command], cwd=place, env=env, stderr=PIPE) as one:
                said.append(one.communicate()[1].decode())
            assert one.returncode == 5
    assert {one.splitlines()[0] for one in said} == {f"An import in {project} was cut off."}
    assert all(f"deespec import legacy {project}" in one for one in said)
    assert not (project / ".deespec").exists()


def create_home(folder: Path) -> None:
    (folder / ".deespec").mkdir()
    create_store(str(folder / ".deespec" / FILE), clock=Clock(), busy_ms=5_000)


def test_a_folder_that_is_kept_already_is_not_touched(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    (project / ".deespec-go").mkdir()
    done = bring(project, in_place=True)
    assert done.kept == project / ".deespec-go-2"
    assert list((project / ".deespec-go").iterdir()) == []


def test_what_is_in_place_is_known_by_its_old_folder(tmp_path: Path, bring: Imports) -> None:
    project = unpack_shop(tmp_path)
    bring(project, in_place=True)
    found = find_source(project)
    assert (found.folder, found.taken) == (project / ".deespec-go", True)
    assert bring.again(project).items == ()
