"""The outbox of a turn: the agent's commands put answers there, the worker stores them and writes a receipt.

It lies in the system's temporary folder, so that an agent whose sandbox reaches neither the backlog nor the network can
still answer. What lies in it is hostile input.
"""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from deespec.errors import DeespecError, InvalidInput, NoReceipt, StoreUnusable
from deespec.model.items import Answer
from deespec.model.remarks import remarks_in
from deespec.records import as_dict, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from deespec.clock import Clock

ANSWER_BYTES = 4 * 1024 * 1024
REFUSED_FILE = "refused.json"
ELSEWHERE = "Set TMPDIR to another folder."
RECEIPT_WAIT_MS = 10_000
RECEIPT_STEP_MS = 20
ANSWERS_MOST = 50
"""Answers read from one outbox; what an agent floods beyond that is left alone."""


@record
class Receipt:
    stored: bool
    message: str
    code: str = ""
    exit_status: int = 0

    @property
    def text(self) -> str:
        """As it lies in the outbox."""
        content = {"stored": self.stored, "message": self.message, "code": self.code, "exit_status": self.exit_status}
        return json.dumps(content)


def folder(temporary: str, backlog_uid: str) -> str:
    """The private folder below which this backlog's outboxes lie; made if needed, refused if it is not ours."""
    path = path_of(temporary, backlog_uid)
    for part in (os.path.dirname(path), path):
        try:
            os.makedirs(part, mode=0o700, exist_ok=True)
            found = os.lstat(part)
        except OSError as error:
            raise StoreUnusable(
                f"{part} cannot be made: {error.strerror}.", hint="Set TMPDIR to another folder."
            ) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise StoreUnusable(
                f"{part} is not a private folder of this user.", hint="Remove it, or set TMPDIR to another folder."
            )
    return path


def path_of(temporary: str, backlog_uid: str) -> str:
    """The same as it is called, there or not."""
    return os.path.join(temporary, f"deespec-{os.getuid()}", backlog_uid)


def make(path: str) -> None:
    """The outbox of one call, private like the folder above it, which another worker may have removed meanwhile."""
    try:
        os.mkdir(path, mode=0o700)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(os.path.dirname(path)), mode=0o700, exist_ok=True)
        with suppress(FileExistsError):
            os.mkdir(os.path.dirname(path), mode=0o700)
        os.mkdir(path, mode=0o700)


def tidy(temporary: str, backlog_uid: str) -> None:
    """Removes the folder of this backlog's outboxes when none is left in it."""
    with suppress(OSError):
        os.rmdir(path_of(temporary, backlog_uid))


# --- the agent's side -----------------------------------------------------------------------------------------------


def hand_in(outbox: str, answer: Answer, *, clock: Clock, pause: Callable[[float], None]) -> Receipt:
    """Puts the answer into the outbox and waits for the receipt. Raises NoReceipt after RECEIPT_WAIT_MS."""
    name = f"{clock.boot_ms():015d}-{clock.random_bytes(4).hex()}"
    content: dict[str, object] = {"kind": answer.kind, "text": answer.text, "decision": answer.decision}
    content["findings"] = [as_dict(one) for one in answer.remarks]
    try:
        _write(os.path.join(outbox, f"answer-{name}.json"), json.dumps(content, ensure_ascii=False))
    except OSError as error:
        raise NoReceipt(
            f"The outbox of this turn cannot be written: {error.strerror}.", hint="The turn may be over."
        ) from error
    receipt = os.path.join(outbox, f"receipt-{name}.json")
    until = clock.waking_ms() + RECEIPT_WAIT_MS
    while clock.waking_ms() < until:
        try:
            with open(receipt, encoding="utf-8") as file:
                found = json.load(file)
        except (FileNotFoundError, ValueError):
            pause(RECEIPT_STEP_MS / 1000)
            continue
        return Receipt(
            stored=found["stored"], message=found["message"], code=found["code"], exit_status=found["exit_status"]
        )
    raise NoReceipt(
        "No worker has acknowledged this answer within 10 s.",
        hint="Hand it in again: an answer that was stored already changes nothing. If the turn is over, none is taken.",
    )


def keep_refused(outbox: str, answer: Answer) -> None:
    """Leaves the last answer that a command has refused: what an agent does not mend, its worker still hears of."""
    with suppress(OSError):
        _write(os.path.join(outbox, REFUSED_FILE), json.dumps({"kind": answer.kind, "text": answer.text}))


# --- the worker's side ----------------------------------------------------------------------------------------------


def collect(outbox: str, taken: dict[str, str], store: Callable[[Answer], str | None]) -> None:
    """Hands every answer that is not among `taken` to `store`, in order, and writes the receipts.

    `store` returns a complaint, or None when the answer is stored durably; a DeespecError becomes a receipt, too.
    `taken` remembers the receipt that each answer is still to get: empty when it has been written.
    """
    for name in _names(outbox):
        is_new = name not in taken
        if is_new and len(taken) >= ANSWERS_MOST:
            continue
        if is_new:
            taken[name] = _receipt(os.path.join(outbox, f"answer-{name}.json"), store).text
        if taken[name] and _acknowledge(os.path.join(outbox, f"receipt-{name}.json"), taken[name], tell=is_new):
            taken[name] = ""


def read_answers(outbox: str) -> list[Answer]:
    """Everything that lies in an outbox and can be read as an answer, oldest first."""
    found = []
    for name in _names(outbox):
        try:
            found.append(_read(os.path.join(outbox, f"answer-{name}.json")))
        except (OSError, InvalidInput):
            continue
    return found


def read_refused(outbox: str) -> Answer | None:
    """What was refused last, if it can be read."""
    try:
        return _read(os.path.join(outbox, REFUSED_FILE))
    except (OSError, InvalidInput):
        return None


def _names(outbox: str) -> list[str]:
    """Of the answers that lie there, in the order in which they were given."""
    try:
        names = os.listdir(outbox)
    except OSError:
        return []
    found = sorted(name[7:-5] for name in names if name.startswith("answer-") and name.endswith(".json"))
    return found[:ANSWERS_MOST]


def _acknowledge(path: str, text: str, *, tell: bool) -> bool:
    """Writes a receipt. False: it is to be tried again, as the disk may be full, or something is in the way."""
    try:
        _write(path, text)
    except OSError as error:
        if tell:
            import logging  # only here: agents' own commands load this module and are to be short

            logging.getLogger(__name__).warning("no receipt yet", extra={"receipt": path, "error": str(error)})
        return False
    return True


def _receipt(path: str, store: Callable[[Answer], str | None]) -> Receipt:
    try:
        complaint = store(_read(path))
    except DeespecError as error:
        return Receipt(stored=False, message=error.message, code=error.code, exit_status=error.exit_status)
    except OSError as error:
        return Receipt(stored=False, message=f"The answer cannot be read: {error}", code="invalid_input", exit_status=2)
    if complaint is not None:
        return Receipt(stored=False, message=complaint, code="invalid_input", exit_status=2)
    return Receipt(stored=True, message="Stored.")


def _read(path: str) -> Answer:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > ANSWER_BYTES:
            raise InvalidInput(f"An answer is a file of at most {ANSWER_BYTES} bytes.")
        content = os.read(descriptor, ANSWER_BYTES)
    finally:
        os.close(descriptor)
    try:
        values: Any = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("The answer is not JSON.") from error
    if not isinstance(values, dict):
        raise InvalidInput("The answer is not an object.")
    kind, text, decision = values.get("kind"), values.get("text", ""), values.get("decision")
    if not isinstance(kind, str) or not isinstance(text, str) or not isinstance(decision, str | None):
        raise InvalidInput("The answer's fields are not text.")
    if not all(_is_text(one) for one in (kind, text, decision or "")):
        raise InvalidInput("The answer is no valid Unicode text, or holds NUL characters.")
    return Answer(kind=kind, text=text, decision=decision, remarks=remarks_in(values.get("findings", [])))


def _is_text(value: str) -> bool:
    """Whether the store can hold it: JSON can carry half a surrogate pair, UTF-8 cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def _write(path: str, text: str) -> None:
    """Atomically: a reader sees all of it or nothing."""
    partial = os.path.join(os.path.dirname(path), ".partial-" + os.path.basename(path))
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.rename(partial, path)
    except OSError:
        os.unlink(partial)  # on a full disk: so that it can be tried again
        raise
