"""`pbi decompose` and `pbi propose` as a person types them: what is told beside the drafts, and a chat's answer."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from apart import Apart, project
from planner import DECOMPOSITIONS, FAULTY, TWO, draft, plan, proposal, says, took
from workshop import eventually

__all__ = ["project"]

THREE = proposal(draft("The first"), draft("The second"), draft("Docs"), report="Cut by layers.\x1b[8m\nSee above.")


@pytest.fixture
def cut(project: Apart) -> Apart:
    """Three drafts; Docs is rejected, the first approved."""
    project.agent(says(THREE))
    plan(project)
    assert took(project) == "decomposed"
    project.says("reject", "PBI-1/3", "--reason", "Not now")
    project.says("approve", "PBI-1/1")
    return project


# --- what the agent says --------------------------------------------------------------------------------------------


def test_how_a_pbi_was_cut_is_shown_where_its_drafts_are(cut: Apart) -> None:
    assert "How it was cut:\n  Cut by layers.[8m\n  See above.\n" in cut.says("pbi", "show", "1")
    assert cut.says("pbi", "drafts", "1").startswith("PBI-1  A list\n\nCut by layers.[8m\nSee above.\n\nID")
    assert cut.says("pbi", "decompose", "1").startswith("Cut by layers.[8m\nSee above.\n\n")
    assert cut.json("pbi", "show", "1")["decomposition"]["report"] == "Cut by layers.[8m\nSee above."


def test_its_words_are_bounded_unless_all_is_asked_for(project: Apart) -> None:
    long = "\n".join(f"line {number}" for number in range(30))
    project.agent(says(proposal(draft("One"), draft("Two"), report=long)))
    plan(project)
    took(project)
    assert "  line 7 …\n" in project.says("pbi", "show", "1")
    assert "  line 29\n" in project.says("pbi", "show", "1", "--detail")


def test_where_a_proposal_lies_that_was_not_taken_is_said(project: Apart) -> None:
    project.agent(says(FAULTY))
    plan(project)
    said = project.command("pbi", "decompose", "1")[1]
    found = re.search(r"What it handed in: (\S+)", said)
    assert found is not None
    assert json.loads((project.root / found[1]).read_text()) == json.loads(FAULTY)
    assert f"What it handed in: {found[1]}" in project.says("pbi", "show", "1")
    assert project.json("pbi", "show", "1")["decomposition"]["proposal"] == found[1]


def test_what_repeats_a_decided_draft_is_said_to_be_left_out(cut: Apart, tmp_path: Path) -> None:
    told = (
        "left out: The first (approved as PBI-1/1, registered as SBI-1)",
        "left out: Docs (rejected as PBI-1/3: Not now)",
    )
    said = cut.says("pbi", "decompose", "1")
    assert all(one in said for one in told)
    file = tmp_path / "proposal.json"
    file.write_text(THREE)
    said = cut.says("pbi", "propose", "1", "-f", str(file))
    assert all(one in said for one in told)


def test_the_history_names_the_agent_of_a_decomposition_unlike_a_draft(cut: Apart) -> None:
    actors = {entry["actor"] for entry in cut.json("pbi", "history", "1")["items"]}
    assert "agent PBI-1 turn 1" in actors
    assert "agent PBI-1/1" not in actors


# --- by hand --------------------------------------------------------------------------------------------------------


def test_the_prompt_by_hand_can_be_given_to_any_chat(project: Apart) -> None:
    plan(project, asked=False)
    told = project.says("pbi", "decompose", "1", "--prompt-only")
    assert f"in the folder {project.root}.\n" in told
    assert "Answer with this JSON, your proposal, in one fenced block" in told
    assert re.search(r"^    .*pbi propose PBI-1 -f proposal\.json$", told, re.MULTILINE)
    for word in ("checkouts", "<a folder", "sbi report", "--stdin"):
        assert word not in told


@pytest.mark.parametrize("text", [TWO, f"Here:\n```json\n{TWO}\n```\nRun:\n```sh\nmake\n```\n"])
def test_a_chat_s_answer_is_taken_as_it_is(project: Apart, text: str, tmp_path: Path) -> None:
    plan(project, asked=False)
    file = tmp_path / "answer.md"
    file.write_text(text)
    assert "PBI-1/2" in project.says("pbi", "propose", "PBI-1", "-f", str(file))
    assert project.took(scope=DECOMPOSITIONS) == "nothing"


def test_what_is_no_json_says_what_a_proposal_looks_like(project: Apart, tmp_path: Path) -> None:
    plan(project, asked=False)
    file = tmp_path / "answer.md"
    file.write_text("Sorry.")
    said = project.says("pbi", "propose", "PBI-1", "-f", str(file), exits=2).split("\n")
    assert said[0] == "The proposal is not JSON: Expecting value (line 1, column 1)."
    assert said[1].startswith('→ A proposal is JSON like this: {"report": "...", "drafts": [')


def test_bounds_are_named_as_they_were_typed(project: Apart) -> None:
    plan(project, asked=False)
    assert "--min is 5, --max only 3." in project.says("pbi", "decompose", "1", "--min", "5", "--max", "3", exits=2)
    project.says("pbi", "update", "1", "--max", "3")
    assert "--min is 5, drafts_max only 3." in project.says("pbi", "decompose", "1", "--min", "5", exits=2)


def test_a_decomposition_that_is_cancelled_under_it_is_no_success(project: Apart) -> None:
    project.agent('touch "$SEEN/said"; sleep 60')
    plan(project, asked=False)
    with project.process("pbi", "decompose", "1") as running:
        assert eventually(lambda: project.saw("said") is not None)
        project.says("pbi", "cancel", "1", "--yes")
        assert running.wait(timeout=60) == 4
