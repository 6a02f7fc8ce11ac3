"""Every error a user can meet: a stable code, an exit status, an HTTP status. The docstring is the default message."""

from __future__ import annotations


class DeespecError(Exception):
    """Something went wrong."""

    code = "error"
    exit_status = 1
    http_status = 500

    def __init__(self, message: str | None = None, *, hint: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").strip()
        self.hint = hint
        super().__init__(self.message)


# --- the user's -----------------------------------------------------------------------------------------------------


class UsageError(DeespecError):
    """This command was called in a way it does not understand."""

    code = "usage"
    exit_status = 2
    http_status = 400


class InvalidInput(UsageError):
    """The input is not valid."""

    code = "invalid_input"


class BadConfig(UsageError):
    """The settings are not valid."""

    code = "bad_config"


class NeedsConfirmation(UsageError):
    """This cannot be undone by one command."""

    code = "needs_confirmation"


class NotFound(DeespecError):
    """There is no such thing in this backlog."""

    code = "not_found"
    exit_status = 3
    http_status = 404


class NotPossible(DeespecError):
    """That is not possible in this state."""

    code = "not_possible"
    exit_status = 4
    http_status = 409


class IllegalMove(NotPossible):
    """The life of an item does not allow this move."""

    code = "illegal_move"


class InsideTurn(NotPossible):
    """Not from inside a turn."""

    code = "inside_turn"


class StaleAnswer(NotPossible):
    """This answer belongs to a turn that is not running any more."""

    code = "stale_answer"


# --- contention: handled inside the worker --------------------------------------------------------------------------


class LeaseLost(DeespecError):
    """Another owner has taken over this item."""

    code = "lease_lost"
    exit_status = 4
    http_status = 409


# --- the store ------------------------------------------------------------------------------------------------------


class StoreUnusable(DeespecError):
    """The backlog's database cannot be used."""

    code = "store_unusable"
    exit_status = 5
    http_status = 503


class NoHome(StoreUnusable):
    """No backlog here."""

    code = "no_home"


class StoreBusy(StoreUnusable):
    """Another program holds the database."""

    code = "store_busy"


class StoreReplaced(StoreUnusable):
    """The database was replaced or removed while this command used it."""

    code = "store_replaced"


class ForeignDatabase(StoreUnusable):
    """This database belongs to another program."""

    code = "foreign_database"


class SchemaTooNew(StoreUnusable):
    """This backlog was written by a newer deespec."""

    code = "schema_too_new"


class StoreSealed(StoreUnusable):
    """This backlog goes on in another place."""

    code = "store_sealed"


class SchemaTooOld(StoreUnusable):
    """This backlog was written by an older deespec."""

    code = "schema_too_old"


class StoreFull(StoreUnusable):
    """The disk is full; nothing was written."""

    code = "store_full"


class StoreReadOnly(StoreUnusable):
    """The database cannot be written."""

    code = "store_read_only"


class StoreCorrupt(StoreUnusable):
    """The database is damaged."""

    code = "store_corrupt"


class NoReceipt(StoreUnusable):
    """No worker took this answer."""

    code = "no_receipt"


# --- the workspace --------------------------------------------------------------------------------------------------


class WorkspaceError(DeespecError):
    """The workspace is not usable."""

    code = "workspace"
    exit_status = 4
    http_status = 409


# --- the agent's: raised before work starts; during a turn they are values (agents.base.AgentError) ------------------


class NoAgent(UsageError):
    """No agent set up."""

    code = "no_agent"
