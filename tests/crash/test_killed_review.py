"""A worker killed while its item is reviewed: what the reviewer has found is settled once, with its drafts."""

from __future__ import annotations

import json
import shlex

import pytest
from scene import Scene
from workshop import eventually, steps

from deespec.model.asking import Draft, Remark

MUST = {"text": "f leaks.", "file": "src/f.py", "line": 3}
ELSEWHERE = {"text": "README is out of date.", "file": "README", "in_scope": False}
CALLED = 'echo "$DEESPEC_TURN" >> "$SEEN/calls"\n'


@pytest.fixture
def reviewed(scene: Scene) -> Scene:
    """An item whose reviewer wants a change, says what, and has found something elsewhere."""
    found = shlex.quote(json.dumps([MUST, ELSEWHERE]))
    review = f"printf %s {found} | deespec sbi review --decision NEEDS_CHANGES --text Words. --findings -"
    scene.agent(steps(review=CALLED + review), name="shell")
    scene.settle("run", implement="shell")
    scene.register()
    return scene


def drafts(scene: Scene) -> list[Draft]:
    with scene.app.store.read() as tx:
        return tx.drafts("SBI-1", decided=True)


@pytest.mark.parametrize("point", ["agent_ended", "answered", "acted", "settled"])
def test_findings_outlive_the_worker_and_are_settled_once(reviewed: Scene, point: str) -> None:
    reviewed.die_at(point, 2)
    assert len(drafts(reviewed)) == (point == "settled")
    reviewed.settle("run", max_turns=2)
    reviewed.drain()
    assert reviewed.turns()[1].remarks == (Remark(**MUST), Remark(**ELSEWHERE))
    assert [one.id for one in drafts(reviewed)] == ["SBI-1/1"]
    assert reviewed.saw("calls") == "2\n"


def test_findings_in_a_dead_worker_s_outbox_are_taken_over(scene: Scene) -> None:
    content = json.dumps({"kind": "review", "decision": "NEEDS_CHANGES", "text": "Words.", "findings": [MUST]})
    waits = 'while ! test -e "$SEEN/go"; do sleep 0.02; done\n'
    review = f'printf %s {shlex.quote(content)} > "$DEESPEC_OUTBOX/answer-1.json"; touch "$SEEN/put"; sleep 600'
    scene.agent(steps(review=CALLED + waits + review), name="shell")
    scene.settle("run", implement="shell", max_turns=2)
    scene.register()
    with scene.worker() as worker:
        assert eventually(lambda: scene.saw("calls"))
        scene.stop(worker.pid)
        (scene.seen / "go").touch()
        assert eventually(lambda: scene.saw("put") is not None)
        worker.kill()
    scene.drain()
    assert scene.turns()[1].remarks == (Remark(**MUST),)
    assert scene.saw("calls") == "2\n"
