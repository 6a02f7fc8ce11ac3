"""How the four APIs say no: status, body and headers, by kind of refusal. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deespec.agents.standin.asked import Api
from deespec.records import record

if TYPE_CHECKING:
    from deespec.agents.reading import Json
    from deespec.agents.standin.script import Refuse


@record
class Kind:
    """One refusal, in the words of each vendor."""

    status: int
    anthropic: str
    openai: str
    google: str
    text: str
    own: tuple[tuple[Api, str], ...] = ()
    """The text where a vendor has its own: some clients hand on no more than that."""


KINDS = {
    "rate_limit": Kind(
        status=429,
        anthropic="rate_limit_error",
        openai="rate_limit_exceeded",
        google="RESOURCE_EXHAUSTED",
        text="Number of requests has exceeded your rate limit.",
    ),
    "usage_limit": Kind(
        status=429,
        anthropic="rate_limit_error",
        openai="usage_limit_reached",
        google="RESOURCE_EXHAUSTED",
        text="The usage limit has been reached.",
    ),
    "quota": Kind(
        status=429,
        anthropic="invalid_request_error",
        openai="insufficient_quota",
        google="RESOURCE_EXHAUSTED",
        text="You exceeded your current quota, please check your plan and billing details.",
    ),
    "overloaded": Kind(
        status=503,
        anthropic="overloaded_error",
        openai="server_is_overloaded",
        google="UNAVAILABLE",
        text="Overloaded.",
    ),
    "server": Kind(
        status=500,
        anthropic="api_error",
        openai="server_error",
        google="INTERNAL",
        text="Internal server error.",
    ),
    "login": Kind(
        status=401,
        anthropic="authentication_error",
        openai="invalid_api_key",
        google="UNAUTHENTICATED",
        text="Incorrect API key provided: none.",
        own=((Api.ANTHROPIC, "invalid x-api-key"), (Api.GEMINI, "API key not valid. Please pass a valid API key.")),
    ),
    "model": Kind(
        status=404,
        anthropic="not_found_error",
        openai="model_not_found",
        google="NOT_FOUND",
        text="The model `standin` does not exist or you do not have access to it.",
        own=(
            (Api.ANTHROPIC, "model: standin"),
            (Api.GEMINI, "models/standin is not found for API version v1beta, or is not supported."),
        ),
    ),
    "invalid": Kind(
        status=400,
        anthropic="invalid_request_error",
        openai="invalid_request_error",
        google="INVALID_ARGUMENT",
        text="The request is not valid.",
    ),
}
OVERLOADED_ANTHROPIC = 529
RATE_QUOTA = "GenerateRequestsPerMinutePerProjectPerModel"
DAY_QUOTA = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
FINAL = ("usage_limit", "quota")
"""Refusals that the vendors tell clients not to try again."""


def status_of(refusal: Refuse, api: Api) -> int:
    if refusal.kind == "overloaded" and api is Api.ANTHROPIC:
        return OVERLOADED_ANTHROPIC
    return KINDS[refusal.kind].status


def body_of(refusal: Refuse, api: Api, *, now_s: int) -> Json:
    kind = KINDS[refusal.kind]
    text = dict(kind.own).get(api, kind.text)
    if api is Api.ANTHROPIC:
        return {"type": "error", "error": {"type": kind.anthropic, "message": text}, "request_id": "req_standin"}
    if api is Api.GEMINI:
        error = {"code": kind.status, "message": text, "status": kind.google, "details": _details(refusal)}
        return {"error": error}
    error = {"message": text, "type": kind.openai, "param": None, "code": kind.openai}
    if refusal.kind == "usage_limit":
        del error["code"]
        error["plan_type"] = "pro"
        if refusal.reset_s is not None:
            error |= {"resets_at": now_s + refusal.reset_s, "resets_in_seconds": refusal.reset_s}
    return {"error": error}


def headers_of(refusal: Refuse, api: Api, *, now_s: int) -> dict[str, str]:
    """When to come again, as each vendor puts it."""
    headers: dict[str, str] = {}
    if refusal.kind in FINAL:
        headers["x-should-retry"] = "false"
    if refusal.reset_s is None:
        return headers
    reset = str(now_s + refusal.reset_s)
    if refusal.kind != "usage_limit":
        return headers | {"retry-after": str(refusal.reset_s)}
    if api is Api.ANTHROPIC:
        return headers | {
            "anthropic-ratelimit-unified-status": "rejected",
            "anthropic-ratelimit-unified-reset": reset,
            "anthropic-ratelimit-unified-representative-claim": "five_hour",
            "anthropic-ratelimit-unified-overage-status": "rejected",
            "anthropic-ratelimit-unified-5h-status": "rejected",
            "anthropic-ratelimit-unified-5h-reset": reset,
            "anthropic-ratelimit-unified-5h-utilization": "1.0",
        }
    return headers | {
        "x-codex-primary-used-percent": "100",
        "x-codex-primary-window-minutes": "300",
        "x-codex-primary-reset-at": reset,
    }


def _details(refusal: Refuse) -> list[Json]:
    """Google's are in the body."""
    if refusal.kind not in ("rate_limit", "usage_limit"):
        return []
    name = RATE_QUOTA if refusal.kind == "rate_limit" else DAY_QUOTA
    metric = "generativelanguage.googleapis.com/generate_content_requests"
    details: list[Json] = [
        {
            "@type": "type.googleapis.com/google.rpc.QuotaFailure",
            "violations": [{"quotaMetric": metric, "quotaId": name}],
        }
    ]
    if refusal.kind == "rate_limit" and refusal.reset_s is not None:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{refusal.reset_s}s"})
    return details
