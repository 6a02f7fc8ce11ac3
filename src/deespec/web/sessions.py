"""Who may use the board: the token of the first URL, the password, and the sessions that they open.

A session's id is none of them. Secrets are compared in constant time, and no secret is ever written anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict

SECRET_BYTES = 32
SESSIONS_MOST = 1_000
"""Beyond that the one that was used longest ago ends."""
TOLD_MOST = 5


class Sessions:
    """The sessions of one running board: they end with it. Used by one thread only, that of the event loop."""

    def __init__(self, *, port: int, password: str | None = None) -> None:
        self.cookie = f"deespec-{port}"
        """Cookies do not know ports: two boards of one machine must not sign each other out."""
        self.token = secrets.token_urlsafe(SECRET_BYTES)
        self.has_password = password is not None
        self._password = _digest(password) if password is not None else None
        self._key = secrets.token_bytes(SECRET_BYTES)
        self._told: OrderedDict[str, list[str]] = OrderedDict()

    def by_token(self, given: str) -> str | None:
        """The id of a new session, if this is the token."""
        return self._open() if hmac.compare_digest(_digest(given), _digest(self.token)) else None

    def by_password(self, given: str) -> str | None:
        """The id of a new session, if there is a password and this is it."""
        if self._password is None or not hmac.compare_digest(_digest(given), self._password):
            return None
        return self._open()

    def knows(self, session: str | None) -> bool:
        if session is None or session not in self._told:
            return False
        self._told.move_to_end(session)
        return True

    def csrf(self, session: str) -> str:
        """What every change of this session must name; other sites cannot read it."""
        return hmac.new(self._key, session.encode(), hashlib.sha256).hexdigest()

    def is_csrf(self, session: str, given: str) -> bool:
        return hmac.compare_digest(self.csrf(session).encode(), given.encode())

    def tell(self, session: str, message: str) -> None:
        """Keeps a message for the next page that this session is shown."""
        told = self._told.get(session)
        if told is not None and len(told) < TOLD_MOST:
            told.append(message)

    def told(self, session: str) -> list[str]:
        """The messages that were kept; they are gone then."""
        found = self._told.get(session, [])
        if found:
            self._told[session] = []
        return found

    def _open(self) -> str:
        session = secrets.token_urlsafe(SECRET_BYTES)
        self._told[session] = []
        while len(self._told) > SESSIONS_MOST:
            self._told.popitem(last=False)
        return session


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
