"""What `run` looks at before it takes the first item."""

from __future__ import annotations

import pytest
from workshop import ACCEPTS, Workshop, steps

from deespec.engine.ready import begin_apart, look_at_agents
from deespec.errors import NoAgent


def test_without_any_agent_it_says_what_was_looked_for(project: Workshop) -> None:
    project.write_config()
    project.register()
    status, out, err = project.command("run")
    assert (status, out) == (2, "")
    assert err.startswith("No agent set up. Looked for claude")
    assert "deespec demo" in err
    assert "Traceback" not in err


def test_a_missing_program_is_named_with_a_remedy(project: Workshop) -> None:
    project.agent(steps())
    project.settle("agents.worker", command=["no-such-agent"])
    project.write_config()
    status, _, err = project.command("run")
    assert status == 2
    assert err == "no-such-agent is not on PATH.\n→ Install it, or change [agents.worker] command.\n"


def test_an_agent_is_passed_over_where_the_list_names_another(project: Workshop) -> None:
    project.agent(steps())
    project.settle("agents.gone", kind="command", command=["no-such-agent"])
    project.settle("run", implement=["gone", "worker"])
    assert look_at_agents(project.app, ()) == ["agent worker: ready", "no-such-agent is not on PATH"]


def test_a_reviewer_that_is_not_ready_is_refused_though_the_implementer_is(project: Workshop) -> None:
    project.agent(steps())
    project.settle("agents.gone", kind="command", command=["no-such-agent"])
    project.settle("run", review="gone")
    with pytest.raises(NoAgent, match="no-such-agent"):
        look_at_agents(project.app, ())


def test_the_agent_that_run_was_given_counts(project: Workshop) -> None:
    project.agent(ACCEPTS, name="other")
    project.settle("agents.gone", kind="command", command=["no-such-agent"])
    project.settle("run", implement="gone", review="other")
    assert look_at_agents(project.app, ("other",)) == ["agent other: ready"]


def test_what_is_not_committed_is_told_without_the_backlog_itself(project: Workshop) -> None:
    project.settle("workspace", mode="worktree")
    project.write_config()
    assert begin_apart(project.app) == []
    (project.root / "README").write_text("Changed.\n")
    (project.root / "new.txt").write_text("New.\n")
    [told] = begin_apart(project.app)
    assert "1 changed and 1 untracked in" in told
