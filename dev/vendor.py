"""Fill `_vendor/` with the pure-Python packages that the host does not bring.

They are taken from `.venv`, so uv.lock pins them; `_vendor/` itself is git-ignored.
"""

import importlib.metadata
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "_vendor"
PACKAGES = ("qrcode",)
LEFT_OUT = shutil.ignore_patterns("tests", "__pycache__", "*.pyc")


def vendor(package: str) -> None:
    """Copy one installed package and its licence into `_vendor/`."""
    distribution = importlib.metadata.distribution(package)
    target = VENDOR / package
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(Path(str(distribution.locate_file(package))), target, ignore=LEFT_OUT)
    for file in distribution.files or []:
        if file.name.upper().startswith("LICENSE"):
            shutil.copyfile(Path(str(file.locate())), target / file.name)


def main() -> None:
    VENDOR.mkdir(exist_ok=True)
    for package in PACKAGES:
        vendor(package)


if __name__ == "__main__":
    main()
