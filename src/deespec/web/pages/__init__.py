"""The pages of the board, one theme a file. How to add one, and what it may rely on.

1. A function in `pages/<theme>.py`: `def show(request: PageRequest) -> Page`. It runs in a thread, with
   `request.app` as the one open backlog; it reads with `with request.app.store.read() as tx:` and what `board/` has.
2. One line in `PAGES` of `routes.py`: `_get("/inbox", inbox.show)` or `_post("/inbox/{id}/answer", inbox.answer)`.
   Routes are tried in order; what may take seconds is `dear=True`, and has a thread of its own. A page
   of the head line also gets one line in `NAV` of `rendering.py`.
3. `templates/<theme>.html` begins with `{% extends layout %}` and puts everything into `{% block main %}`, with one
   `<h1>`. That block is fetched again, and morphed into the open page, whenever somebody has written. What is not to
   be touched then gets `hx-morph-skip`; elements that may move get an `id`. An open `<details>` stays open.
4. Texts: `{{ _("English") }}`, `{{ _("%(count)s items", count=n) }}`, `{% trans %}` in templates, and
   `request.say("English")` in Python; each has its line in `ja.toml`, in a table named after the page.

A GET answers `page("inbox.html", title=..., name=value, ...)`, or `Plain(...)` for what is no page. A POST answers
`Done(message="SBI-3 held", then="/items/SBI-3")`: told on the page it goes to, or, for htmx, on the one that is open;
or `page(..., status=422, problems=...)`, which shows the form again with what was typed in.

Everything of a request comes bounded, from `request.id() work() part() text() choice() number() field() fields()`.
Whatever cannot be done is raised as a DeespecError: it becomes a page, or a message on the open one, with the
error's `http_status`, its message and its hint.

Every change is a form: `<form method="post" action="...">{{ csrf_field }} ... <button>`, so that it works without
JavaScript. For a change that stays on the page the form, or its button, gets `hx-post="..." hx-swap="none"` as well.
With `frame.read_only` forms are not shown (they would be refused). Fragments of forms that htmx swaps elsewhere name
their `hx-target`.

Templates have `frame` (language, here, now_ms, read_only), the filters `ago local iso usd counted markdown outside`,
and the macro `since(ms)` of `_since.html` for durations that go on. Everything is escaped, and control characters
are removed, on its way out; nothing gets `|safe`. A URL from outside goes through `|outside`. Colours, sizes and
spaces are classes in `static/board.css`: a `style=` or a script in a page is refused by the browser.
The URL of a page is all that it depends on: what it shows is rendered once for everybody who looks at the same time.
"""
