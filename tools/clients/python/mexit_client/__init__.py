"""Client of mexit-serve: requests are pipelined to one server process, or over a socket to one behind systemd or socat.

    from mexit_client import Client, Sample

    with Client("photos.mexit", policy="confidence:0.9") as client:
        answer = client.classify(Sample.from_file("cat.jpg"))
        print(answer.class_name, answer.confidence, "exit", answer.exit)

Only the standard library is used. The protocol is docs/protocol.md.
"""
from .client import Client
from .errors import ClientError, ProtocolError, RequestError, ServerGone
from .messages import Batch, Ready, Result, Top
from .sample import Sample

__all__ = ["Batch", "Client", "ClientError", "ProtocolError", "Ready", "RequestError", "Result", "Sample", "ServerGone", "Top"]
