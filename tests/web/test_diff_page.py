"""What an item has changed, as the board shows it: a real repository, a real turn."""

from __future__ import annotations

import http.client
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from board_at import Browser, serving

from deespec.web import patches

sys.path.insert(0, str(Path(__file__).parent.parent / "engine"))
from workshop import ACCEPTS, Workshop, steps

CHANGES = r"""
sed -i 's/^two$/two <script>alert(2)<\/script>/' "src/main.py"
mv "old name.md" "new name.md"
printf 'a\0b' > logo.bin
chmod +x run.sh
printf 'no end' > "名前 1.txt"
echo 'in a strange one' > 'we"ird\name.txt'
ln -s /etc/passwd link
seq 1 3000 > long.txt
printf '\377 not utf-8 \033[31mred\033[0m\r\n' > latin.txt
echo "DECISION: IMPLEMENTED"
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """A project in which SBI-1 was worked on for one turn, and SBI-2 was not yet."""
    made = Workshop(tmp_path_factory.mktemp("diff"))
    made.git("init", "--quiet", "--initial-branch=main")
    (made.root / ".gitignore").write_text(".deespec/\n")
    (made.root / "src").mkdir()
    (made.root / "src/main.py").write_text("one\ntwo\nthree\n")
    (made.root / "old name.md").write_text("word\n" * 30)
    (made.root / "run.sh").write_text("true\n")
    made.git("add", "--all")
    made.commit("README", "Read me.\n")
    made.settle("workspace", mode="worktree")
    made.agent(steps(CHANGES, ACCEPTS))
    made.register("Change <b>much</b>", paths=("**",))
    made.register("Later")
    assert made.took() == "implemented"
    yield made
    made.app.close()


@pytest.fixture(scope="module")
def page(shop: Workshop) -> Iterator[Browser]:
    with serving(shop.home) as served:
        yield served.browser()


def saved(page: Browser, path: str) -> tuple[str, bytes]:
    """What a browser would save: it need not be text."""
    connection = http.client.HTTPConnection("127.0.0.1", page.served.port)
    connection.request("GET", path, headers={"Cookie": f"deespec-{page.served.port}={page.session}"})
    response = connection.getresponse()
    found = response.headers["content-disposition"], response.read()
    connection.close()
    return found


def test_every_file_is_named_with_what_became_of_it(page: Browser) -> None:
    got = page.get("/items/SBI-1/diff")
    assert got.status == 200
    for name in ("src/main.py", "new name.md", "logo.bin", "run.sh", "名前 1.txt", "we&#34;ird\\name.txt", "link"):
        assert name in got.text
    assert "old name.md → new name.md" in got.text
    assert "renamed" in got.text
    assert "100644 → 100755" in got.text
    assert "A binary file" in got.text
    assert "no newline at the end" in got.text
    assert "symbolic link" in got.text


@pytest.mark.parametrize("view", ["split", "unified"])
def test_what_files_hold_is_inert(page: Browser, view: str) -> None:
    got = page.get(f"/items/SBI-1/diff?view={view}")
    assert "<script>alert" not in got.text
    assert "&lt;script&gt;alert(2)&lt;/script&gt;" in got.text
    assert "\x1b" not in got.text
    assert "not utf-8" in got.text
    assert "<b>much" not in got.text


def test_signs_and_words_say_what_colours_say(page: Browser) -> None:
    got = page.get("/items/SBI-1/diff?file=src/main.py")
    assert '<span aria-hidden="true">−</span><span class="quiet">removed</span>' in got.text
    assert '<span aria-hidden="true">+</span><span class="quiet">added</span>' in got.text


def test_only_so_much_is_shown_and_a_file_can_be_asked_for(page: Browser) -> None:
    whole = page.get("/items/SBI-1/diff")
    assert ">2500<" not in whole.text
    assert "Show all of long.txt" in whole.text
    assert ">2500<" in page.get("/items/SBI-1/diff?file=long.txt").text


@pytest.mark.parametrize("name", ["README", "../../../etc/passwd", "/etc/passwd", "link/../README", "src"])
def test_no_file_is_shown_that_was_not_changed(page: Browser, name: str) -> None:
    got = page.get(f"/items/SBI-1/diff?file={quote(name)}")
    assert "is not one of the changed files" in got.text
    assert "<table" not in got.text


def test_a_link_is_shown_as_a_link_and_not_followed(page: Browser) -> None:
    got = page.get("/items/SBI-1/diff?file=link")
    assert "/etc/passwd" in got.text
    assert "root:" not in got.text


def test_the_saved_patch_is_the_change(page: Browser, shop: Workshop, tmp_path: Path) -> None:
    disposition, patch = saved(page, "/items/SBI-1/diff?part=patch")
    assert "attachment" in disposition
    (tmp_path / "there").mkdir()
    subprocess.run(["git", "clone", "--quiet", str(shop.root), "there"], cwd=tmp_path, check=True)
    subprocess.run(["git", "apply", "--index"], cwd=tmp_path / "there", input=patch, check=True)
    assert (tmp_path / "there/logo.bin").read_bytes() == b"a\0b"
    assert (tmp_path / "there/new name.md").exists()


def test_a_change_that_is_too_large_is_left_to_the_command(page: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "SAVED_BYTES_MOST", 100)
    got = page.get("/items/SBI-1/diff?part=patch")
    assert got.status == 409
    assert "deespec sbi diff SBI-1" in got.text


def test_of_a_large_file_only_the_name_is_shown(page: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "BYTES_MOST", 1000)
    got = page.get("/items/SBI-1/diff?again=1")
    assert "long.txt" in got.text
    assert "Too large to be shown here." in got.text
    assert "alert(2)" in got.text


def test_an_item_without_work_says_so(page: Browser) -> None:
    got = page.get("/items/SBI-2/diff")
    assert got.status == 200
    assert "SBI-2 has no kept work yet." in got.text


def test_a_turn_that_is_not_there_is_told(page: Browser) -> None:
    assert "SBI-1 has no turn 9." in page.get("/items/SBI-1/diff?turn=9").text
    assert page.get("/items/SBI-1/diff?turn=x").status == 400
    assert page.get("/items/SBI-77/diff").status == 404


def test_an_open_page_is_not_sent_its_lines_again(page: Browser) -> None:
    again = page.get("/items/SBI-1/diff", HX_Request="true")
    assert again.status == 200
    assert "<table" not in again.text
    assert "hx-morph-skip" in again.text
    assert "<table" in page.get("/items/SBI-1/diff?part=files", HX_Request="true").text
