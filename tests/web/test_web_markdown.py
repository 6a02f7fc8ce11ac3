"""What people and agents write in Markdown can be read, and can do nothing."""

from __future__ import annotations

import re

import pytest

from deespec.web.markdown import BRACKETS_MOST, CELLS_MOST, KEPT_CHARACTERS, RENDERED_MOST, _Kept, html_of

TAGS = {
    *("p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "a", "em", "strong", "s", "code", "pre", "blockquote", "hr", "br"),
    *("div", "table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"href", "title", "rel", "target", "tabindex", "class", "start"}


def tags(html: str) -> set[str]:
    return set(re.findall(r"<([a-zA-Z][\w-]*)", html))


def attributes(html: str) -> set[str]:
    return {name for tag in re.findall(r"<[a-zA-Z][^>]*>", html) for name in re.findall(r'\s([\w-]+)="', tag)}


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<div\nonclick=alert(1)>\n",
        "<!-- <b> --> <?php ?> <![CDATA[x]]>",
        "[a](javascript:alert(1))",
        "[a](JaVaScRiPt:alert(1))",
        "[a](java\tscript:alert(1))",
        "[a](&#106;avascript:alert(1))",
        "[a](data:text/html;base64,PHNjcmlwdD4=)",
        "[a](vbscript:x) [b](file:///etc/passwd) [c](//evil.example) [d](/items/SBI-1/acts/hold)",
        "![a](https://evil.example/pixel.png)",
        '![<b onload="x">](data:image/svg+xml,x "t")',
        "<javascript:alert(1)> <data:text/html,x>",
        '[a](https://a.example/"onmouseover="alert(1) "x\\" onclick=\\"y")',
        '```"><script>\n</code></pre><script>alert(1)</script>\n```',
        "[a]: javascript:alert(1)\n\n[a]",
        "|a|b|\n|-:|:-:|\n|c|d|",
        "[j](https:/\\evil) [k](https:evil) [l](https:///evil) <http://[> [x](http://[::1)",
        "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x1b[31mred\x1b[0m",
    ],
)
def test_nothing_of_it_runs_or_is_fetched(text: str) -> None:
    html = html_of(text)
    assert tags(html) <= TAGS
    assert attributes(html) <= ATTRIBUTES
    assert all(url.startswith(("http://", "https://", "mailto:")) for url in re.findall(r'href="([^"]*)"', html))
    assert "\x1b" not in html


def test_links_lead_to_a_new_page_that_learns_nothing() -> None:
    link = '<a href="https://a.example" rel="noreferrer noopener nofollow" target="_blank">'
    assert html_of("[a](https://a.example)") == f"<p>{link}a</a></p>\n"
    assert html_of("<https://a.example>") == f"<p>{link}https://a.example</a></p>\n"


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("# a\n## b\n### c\n# d", "3453"),
        ("## a\n## b\n### c", "334"),
        ("# a\n#### b\n## c", "344"),
        ("# a\n## b\n### c\n#### d\n##### e\n###### f", "345666"),
    ],
)
def test_headings_fit_below_those_of_the_page(text: str, levels: str) -> None:
    assert "".join(re.findall(r"<h(\d)>", html_of(text))) == levels
    assert "".join(re.findall(r"</h(\d)>", html_of(text))) == levels


def test_a_list_of_tasks_stays_readable() -> None:
    assert "<li>[ ] Write it</li>\n<li>[x] Read it</li>" in html_of("- [ ] Write it\n- [x] Read it")


def test_what_is_too_wide_can_be_scrolled_by_keyboard() -> None:
    assert '<pre tabindex="0"><code>a &lt; b\n</code></pre>' in html_of("```python\na < b\n```")
    assert '<div class="scroll" tabindex="0"><table>' in html_of("|a|\n|-|\n|b|")


@pytest.mark.parametrize(
    "sign", ["*", "[", "![", "]", ">", "> ", "_a", "`a``b", "~~a", "<", "&", "\\", "- ", "|", "#\n"]
)
def test_a_flood_of_signs_is_shown(sign: str) -> None:
    """Up to the limit it is rendered, to not much more than there was; beyond, it is shown as it is."""
    flood = sign * (RENDERED_MOST // len(sign) // 4)
    assert len(html_of(flood)) < 100 * len(flood)
    beyond = sign * (1024 * 1024 // len(sign))
    assert html_of(beyond).startswith('<pre tabindex="0">')


def test_lists_without_end_are_flat_in_the_end() -> None:
    html = html_of("\n".join(f"{' ' * 2 * depth}- x" for depth in range(200)))
    assert html.count("<ul>") <= 20


@pytest.mark.parametrize("text", ["- " * 1_000 + "x", "> " * 1_000 + "x", "\n".join(">" * n for n in range(300))])
def test_depth_is_bounded(text: str) -> None:
    html = html_of(text)
    assert html.count("<ul>") + html.count("<blockquote>") <= 40


def test_a_short_text_is_no_huge_table() -> None:
    columns = 200
    text = "|a" * columns + "|\n" + "|-" * columns + "|\n" + "|b\n" * (CELLS_MOST // columns)
    assert "<td>" not in html_of(text)
    assert "<td>" in html_of("|a|b|\n|-|-|\n|c|d|")


@pytest.mark.parametrize("text", ["https:/\\evil", "https:evil", "https:///evil", "http://[", "http://[::1", "https:"])
def test_what_names_no_host_is_no_link(text: str) -> None:
    assert "<a " not in html_of(f"[a]({text}) <{text}>\n\n[b]\n\n[b]: {text}")


@pytest.mark.parametrize("text", ["[", "![", "[a](", "[["])
def test_what_might_be_too_many_links_is_shown_as_it_is(text: str) -> None:
    assert html_of(text * (BRACKETS_MOST + 1)) == f'<pre tabindex="0">{text * (BRACKETS_MOST + 1)}</pre>'
    assert "<pre" not in html_of("[a](https://a.example) " * BRACKETS_MOST)


def test_what_is_kept_is_bounded_by_its_characters() -> None:
    kept = _Kept()
    for number in range(30):
        kept.get(f"{number} " + "x" * (KEPT_CHARACTERS // 40))
    assert kept.characters <= KEPT_CHARACTERS
    assert kept.get("29 " + "x" * (KEPT_CHARACTERS // 40)).startswith("<p>29 x")
