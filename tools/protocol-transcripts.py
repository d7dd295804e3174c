#!/usr/bin/env python3
"""Writes the transcripts of docs/protocol.md anew, from a real run of mexit-serve with the model and photographs of models/.

    swift build -c release && tools/protocol-transcripts.py

Each code block behind a comment `<!-- transcript NAME -->` is replaced. Lines to the server begin with `>`, its lines with `<`;
long texts are shortened with `…` and long lines broken for reading.
"""
import base64
import json
import os
import re
import subprocess
import sys
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
    "sample": [{"id": "a", "image": image("cat-1.jpg")}],
    "tensor": [{"id": 2, "tensor": grey(128), "dtype": "u8", "top_k": 2, "logits": True}],
    "anytime": [{"id": 7, "image": image("cat-2.jpg"), "anytime": True}],
    "deadline": [{"id": 8, "image": image("dog-1.jpg"), "deadline_ms": 5, "policy": {"kind": "last"}}],
    "batch": [{"id": "b", "batch": [{"image": image("ship-1.jpg")}, {"image": image("bird-1.jpg")}, {"image": "AAAA"}],
               "budget_macs": 1.8e7, "mode": "exact"}],
    "operations": [{"id": 1, "op": "policy", "policy": {"kind": "exit", "exit": 3}}, {"id": 2, "op": "model"}, {"id": 3, "op": "stats"}],
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


def transcript(requests):
    process = subprocess.run(
        SERVER, cwd=ROOT, input="".join(json.dumps(r) + "\n" for r in requests), capture_output=True, text=True, check=True)
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


def main():
    with open(DOCUMENT, encoding="utf-8") as file:
        text = file.read()
    for name, requests in TRANSCRIPTS.items():
        pattern = re.compile(rf"(<!-- transcript {name} -->\n```\n).*?(```\n)", re.DOTALL)
        block = transcript(requests)
        text, count = pattern.subn(lambda m: m[1] + block + m[2], text)
        if count != 1:
            sys.exit(f"error: docs/protocol.md has {count} blocks <!-- transcript {name} -->; one is needed")
    with open(DOCUMENT, "w", encoding="utf-8") as file:
        file.write(text)


if __name__ == "__main__":
    main()
