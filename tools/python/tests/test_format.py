"""The conformance files of Tests/Fixtures/format, which every reader of the format has to pass."""
from __future__ import annotations

import json
import zlib

import pytest
from conftest import ROOT

import mexit
from mexit import MexitError

FOLDER = ROOT / "Tests" / "Fixtures" / "format"
MANIFEST = json.loads((FOLDER / "manifest.json").read_text())


def names(entries: list) -> list:
    return [entry["file"] for entry in entries]


@pytest.mark.parametrize("entry", MANIFEST["valid"], ids=names(MANIFEST["valid"]))
def test_valid_files_load(entry: dict) -> None:
    model = mexit.read(FOLDER / entry["file"])
    assert len(model.graph.exits) == entry["exits"]
    crc = 0
    for parameter in model.graph.parameters():
        crc = zlib.crc32(model.tensors[parameter.name].astype("<f4").tobytes(), crc)
    assert crc == entry["tensors_crc32"]


@pytest.mark.parametrize("entry", MANIFEST["bad"], ids=names(MANIFEST["bad"]))
def test_bad_files_are_refused_by_name(entry: dict) -> None:
    with pytest.raises(MexitError) as caught:
        mexit.read(FOLDER / entry["file"])
    message = str(caught.value).partition(": ")[2]  # without the file's name, which says it all
    assert all(text in message for text in entry["mentions"]), message
    assert len(message) < 1000  # also where the list that is wrong has a million elements


def test_every_file_is_in_the_manifest() -> None:
    assert {path.name for path in FOLDER.glob("*.mexit")} == {*names(MANIFEST["valid"]), *names(MANIFEST["bad"])}
