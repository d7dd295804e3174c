#!/usr/bin/env python3
"""Writes the transcripts of docs/protocol.md anew, from a real run of mexit-serve with the model and photographs of models/.

    swift build -c release && tools/protocol-transcripts.py     (needs the Python package grpcio-tools, for its protoc)

Each code block behind a comment `<!-- transcript NAME -->` is replaced. Lines to the server begin with `>`, its lines with `<`;
long texts are shortened with `…` and long lines broken for reading.
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import textwrap

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOCUMENT = os.path.join(ROOT, "docs", "protocol.md")
MODEL = os.path.join("models", "cifar10-msdnet-tiny.mexit")
SERVER = [os.path.join(".build", "release", "mexit-serve"), MODEL, "--policy", "confidence:0.9", "--ordered"]


def image(name):
    with open(os.path.join(ROOT, "models", "samples", name), "rb") as file:
        return base64.b64encode(file.read()).decode()


def grey(value):
    return base64.b64encode(bytes([value]) * (3 * 32 * 32)).decode()


TRANSCRIPTS = {
    "ready": [],
    "protobuf": None,
    "sample": [{"id": "a", "image": image("cat-1.jpg")}],
    "tensor": [{"id": 2, "tensor": grey(128), "dtype": "u8", "top_k": 2, "logits": True}],
    "anytime": [{"id": 7, "image": image("cat-2.jpg"), "anytime": True}],
    "deadline": [{"id": 8, "image": image("dog-1.jpg"), "deadline_ms": 5, "policy": {"kind": "last"}}],
    "batch": [{"id": "b", "batch": [{"image": image("ship-1.jpg")}, {"image": image("bird-1.jpg")}, {"image": "AAAA"}],
               "budget_macs": 1.8e7, "mode": "exact"}],
    "operations": [{"id": 1, "op": "policy", "policy": {"kind": "exit", "exit": 3}}, {"id": 2, "op": "model"}, {"id": 3, "op": "stats"}],
    "shed": [{"id": 9, "image": image("frog-1.jpg"), "deadline_ms": 0}],
    "error": [{"id": "x", "image": "AAAA"}, {"id": "y", "image": image("deer-1.jpg"), "policy": {"kind": "exit", "exit": 9}}],
}


def shorten(value):
    if isinstance(value, dict):
        return {k: shorten(v) for k, v in value.items()}
    if isinstance(value, list):
        short = [shorten(v) for v in value]
        return short if len(short) <= 5 else short[:2] + ["…"]
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, str) and len(value) > 200:
        return value[:12] + "…"
    return value


def show(mark, line):
    text = json.dumps(shorten(json.loads(line)), separators=(",", ":"), ensure_ascii=False).replace('"…"', "…")
    # Broken only behind a comma, so that every piece reads as JSON does.
    pieces = re.findall(r"[^,]*,|[^,]+$", text)
    lines, current = [], ""
    for piece in pieces:
        if current and len(current) + len(piece) > 125:
            lines.append(current)
            current = ""
        current += piece
    lines.append(current)
    return f"{mark} {lines[0]}\n" + textwrap.indent("".join(l + "\n" for l in lines[1:]), "   ")


def transcript(requests, flags=()):
    process = subprocess.run(
        SERVER + list(flags), cwd=ROOT, input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True, check=True)
    ready, *answers = process.stdout.splitlines()
    if not requests:
        return show("<", ready)
    out, rest = "", list(answers)
    for request in requests:
        out += show(">", json.dumps(request))
        while rest and json.loads(rest[0]).get("id") == request["id"]:
            out += show("<", rest.pop(0))
    if rest:
        sys.exit(f"error: an answer without a request: {rest[0]}")
    return out


def protobuf_transcript():
    """The same over `--protocol protobuf`, in protobuf's text form."""
    from google.protobuf import text_format
    from grpc_tools import protoc

    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(ROOT, "Sources", "CMExitProto")
        if protoc.main(["protoc", f"-I{source}", f"--python_out={folder}", "serve.proto"]) != 0:
            sys.exit("error: protoc failed on serve.proto")
        sys.path.insert(0, folder)
        import serve_pb2

    def request(**fields):
        return serve_pb2.Request(**fields)

    grey_pixels = bytes([128]) * (3 * 32 * 32)
    with open(os.path.join(ROOT, "models", "samples", "cat-1.jpg"), "rb") as file:
        cat = file.read()
    requests = [
        request(id=b"1", input=serve_pb2.Input(u8=grey_pixels), top_k=1, deadline_ms=1000),
        request(id=b"2", batch=serve_pb2.Batch(inputs=[serve_pb2.Input(image=cat), serve_pb2.Input(image=b"no")])),
        request(id=b"3", operation=serve_pb2.POLICY, policy=serve_pb2.Policy(kind=serve_pb2.Policy.EXIT, exit=3)),
        request(id=b"4", operation=serve_pb2.STATS),
        request(id=b"5", input=serve_pb2.Input(u8=b"short")),
    ]

    def varint(value):
        out = b""
        while value >= 0x80:
            out += bytes([value & 0x7F | 0x80])
            value >>= 7
        return out + bytes([value])

    data = b"".join(varint(r.ByteSize()) + r.SerializeToString() for r in requests)
    output = subprocess.run(SERVER + ["--protocol", "protobuf"], cwd=ROOT, input=data, capture_output=True, check=True).stdout
    responses = []
    while output:
        length = shift = position = 0
        while True:
            byte = output[position]
            length |= (byte & 0x7F) << shift
            shift, position = shift + 7, position + 1
            if byte < 0x80:
                break
        responses.append(serve_pb2.Response.FromString(output[position:position + length]))
        output = output[position + length:]

    def show_message(mark, message):
        text = text_format.MessageToString(message, as_one_line=True)
        text = re.sub(r"\d+\.\d{5,}(e[-+]?\d+)?", lambda m: f"{float(m[0]):.4g}", text)
        text = re.sub(
            r'"(?:[^"\\]|\\.)*"', lambda m: m[0] if len(m[0]) < 120 else re.sub(r"\\[^\\]*$", "", m[0][:25]) + '…"', text)
        for name in ("classes", "macs"):
            text = re.sub(rf"((?:{name}: \S+ ){{2}})(?:{name}: \S+ )+", r"\1… ", text)
        return textwrap.fill(text, 125, initial_indent=mark + " ", subsequent_indent="   ", break_long_words=False, break_on_hyphens=False) + "\n"

    out = show_message("<", responses.pop(0))
    for sent in requests:
        out += show_message(">", sent)
        while responses and responses[0].id == sent.id:
            out += show_message("<", responses.pop(0))
    if responses:
        sys.exit("error: an answer without a request")
    return out


def main():
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    for name, requests in TRANSCRIPTS.items():
        pattern = re.compile(rf"(<!-- transcript {name} -->\n```\n).*?(```\n)", re.DOTALL)
        block = protobuf_transcript() if requests is None else transcript(requests, ["--shed"] if name == "shed" else [])
        text, count = pattern.subn(lambda m: m[1] + block + m[2], text)
        if count != 1:
            sys.exit(f"error: docs/protocol.md has {count} blocks <!-- transcript {name} -->; one is needed")
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
