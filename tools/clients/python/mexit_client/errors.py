"""What can go wrong, as exceptions."""
from __future__ import annotations

from typing import Optional


class ClientError(Exception):
    """Base of every error of this package."""


class RequestError(ClientError):
    """The server refused one request; the connection lives on.

    code: a code of docs/protocol.md, such as ``bad_input``.
    message: the server's text: what was seen and the rule or remedy.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class ServerGone(ClientError):
    """The server ended, or the connection broke, before the request was answered. The client is of no more use: make a new one.

    Whether the request was carried out is unknown; classifying twice does no harm, so it may be sent again.
    exit_code: of the server's process; negative for a signal; None over a socket or while the process has not ended.
    """

    def __init__(self, message: str, exit_code: Optional[int] = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class ProtocolError(ClientError):
    """What came back is not the protocol of mexit-serve: another program answers, or its version does not fit."""
