"""Registers held items one by one, and prints the id of each when it is acknowledged: `python registrar.py COUNT`."""

from __future__ import annotations

import sys

from deespec.app import open_app
from deespec.backlog.register import Order, register
from deespec.model.items import Kind
from deespec.model.spec import new_item

app = open_app()
for number in range(int(sys.argv[1])):
    order = Order(kind=Kind.SBI, new=new_item(Kind.SBI, title=f"Number {number}"), hold=True)
    print(register(app.store, [order], uids=[app.clock.uid()], owner="registrar")[0].item.id, flush=True)
