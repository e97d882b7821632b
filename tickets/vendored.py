"""What the release brings along in `_vendor/`, since nothing installs packages for an extension."""

import importlib
import sys
from pathlib import Path
from typing import Any

_VENDOR = str(Path(__file__).resolve().parent.parent / "_vendor")


def find(name: str) -> Any:
    """A module that is installed or brought along; None in a source tree without either."""
    # Last: what the host brings itself comes first.
    if _VENDOR not in sys.path:
        sys.path.append(_VENDOR)
    try:
        return importlib.import_module(name)
    except ImportError:
        return None
