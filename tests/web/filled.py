"""What the tests of forms share: a backlog in which everything waits for a person, and forms read from pages."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from board_at import Browser, Got

from deespec.acts import pause_agent
from deespec.app import open_app
from deespec.labels import FOLDER
from deespec.model.asking import Draft, Question, question_key
from deespec.model.items import Sbi
from deespec.model.lifecycle import Event
from deespec.records import replace
from ledger import Ledger

HOSTILE = "</textarea><script>alert(1)</script>\"'><img src=x onerror=alert(2)>"


def asking(people: Ledger, question: str = "Which *one*?", title: str = "Asks") -> Sbi:
    """An item whose agent waits for an answer."""
    sbi = people.add(title)
    claim = people.begin()
    people.settle(claim, Event.NEEDS_PERSON, question=question)
    with people.store.transaction() as tx:
        now = tx.sbi(sbi.number)
        tx.save(now, replace(now, reason="question"))
        key = question_key(question)
        tx.add_question(Question(sbi=sbi.number, turn=now.turn, text=question, key=key, agent="ann", asked_at=tx.now))
    return people.sbi(sbi)


def drafted(people: Ledger, *drafts: Draft) -> None:
    """Drafts of PBI-1, which is made for them."""
    people.add_pbi("Group")
    with people.store.transaction() as tx:
        for one in drafts or (draft(1), draft(2), draft(3, needs=("PBI-1/2",))):
            tx.add_draft(one)


def draft(number: int, **fields: object) -> Draft:
    made = Draft(parent="PBI-1", number=number, title=f"Draft {number}", spec=f"Text {number}.", created_at=number)
    return replace(made, **fields)


def draft_now(people: Ledger, number: int) -> Draft:
    with people.store.read() as tx:
        return tx.draft("PBI-1", number)


def paused(home: Path, name: str = "claude") -> None:
    """An agent that rests until a person says otherwise."""
    app = open_app(str(home))
    pause_agent(app, name, reason="Sign in again.")
    app.close()


def labelled(home: Path, *names: str) -> None:
    (home / FOLDER).mkdir(exist_ok=True)
    for name in names:
        (home / FOLDER / f"{name}.md").write_text(f"---\ndescription: For {name}\n---\nA guideline.\n")


class Form:
    """The fields of a form of a page as a browser would send them."""

    def __init__(self, page: str, action: str) -> None:
        reader = _Reader(action)
        reader.feed(page)
        assert reader.found, f"no form {action}"
        self.values: list[tuple[str, str]] = reader.values

    def __getitem__(self, name: str) -> str:
        return dict(self.values)[name]

    def filled(self, **changes: str) -> dict[str, str]:
        return {**{name: value for name, value in self.values if name != "csrf"}, **changes}


def send(browser: Browser, path: str, **changes: str) -> Got:
    """Opens a page with one form, fills that in, and sends it."""
    page = browser.get(path)
    assert page.status == 200, page.text
    return browser.post(path, Form(page.text, path).filled(**changes))


class _Reader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self._action = action
        self._inside = False
        self._area: str | None = None
        self._select: str | None = None
        self.found = False
        self.values: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = not self.found and has.get("action") == self._action
            self.found = self.found or self._inside
        if not self._inside:
            return
        if tag == "input" and (has.get("type") not in ("checkbox", "radio") or "checked" in has):
            self.values.append((has["name"], has.get("value", "")))
        elif tag == "textarea":
            self._area = has["name"]
            self.values.append((self._area, ""))
        elif tag == "select":
            self._select = has["name"]
        elif tag == "option" and self._select and "selected" in has:
            self.values.append((self._select, has.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._inside and self._area is not None:
            name, text = self.values.pop()
            self.values.append((name, (text + data).removeprefix("\n") if not text else text + data))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None
