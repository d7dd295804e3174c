"""Fixtures: models, and tools that are used when they are there."""
from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Optional

import pytest
from networks import linear_model, mixed_model, resized_model

from mexit import Model

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(params=["mixed", "linear"])
def model(request: pytest.FixtureRequest) -> Model:
    """Each of the small models."""
    return {"mixed": mixed_model, "linear": linear_model, "resized": resized_model}[request.param]()


def find_tool(name: str) -> Optional[str]:
    """A command of this project: from $MEXIT_BIN, the package's build folder or the path; None where it is not built."""
    folders = [os.environ.get("MEXIT_BIN", ""), str(ROOT / ".build" / "release"), os.environ.get("PATH", "")]
    return shutil.which(name, path=os.pathsep.join(filter(None, folders)))
