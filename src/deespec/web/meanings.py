"""What statuses mean, in words for people. Those of items are names, the same in all languages; drafts have words."""

from __future__ import annotations

from deespec.model.asking import DraftStatus
from deespec.model.lifecycle import Status

MEANINGS = {
    Status.PENDING: "waits to be begun",
    Status.PICKED: "its workspace is being prepared",
    Status.IMPLEMENTING: "an agent implements it",
    Status.REVIEWING: "an agent reviews it",
    Status.RESOLVING: "an agent resolves a merge conflict",
    Status.INTEGRATING: "it is being merged",
    Status.DECOMPOSING: "an agent cuts it into drafts",
    Status.PARKED: "it waits for your words",
    Status.FAILED: "it has failed and waits for you",
    Status.DONE: "it is done",
    Status.CANCELLED: "it was cancelled",
    Status.DECOMPOSED: "its drafts are there",
}
DRAFTS = {
    DraftStatus.OPEN: "to be decided",
    DraftStatus.WAITING: "approved, and waits",
    DraftStatus.APPROVED: "approved",
    DraftStatus.REJECTED: "rejected",
    DraftStatus.REPLACED: "replaced by another one",
}
