"""Build `dist/events-<version>.zip`, which a node operator installs.

One folder `events/` with what is needed at run time: the tracked files without those for
development, and what dev/vendor.py filled in. The same tree gives the same bytes, so the SHA-256
can be checked.
"""

import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Each is a file, or a folder when it ends in a slash.
NOT_AT_RUN_TIME = (
    ".ci/",
    ".gitattributes",
    ".github/",
    ".gitignore",
    "CONTRIBUTING.md",
    "Makefile",
    "SECURITY.md",
    "benchmarks/",
    "dev/",
    "docs/",
    "package-lock.json",
    "package.json",
    "pyproject.toml",
    "tests/",
    "uv.lock",
)
# Not tracked.
VENDORED = ("_vendor", "static/vendor")
# The oldest date a zip can hold; files keep none of their own.
FIXED_DATE = (1980, 1, 1, 0, 0, 0)
PLAIN_FILE = 0o100644 << 16


def left_out(name: str) -> bool:
    return any(
        name.startswith(entry) if entry.endswith("/") else name == entry
        for entry in NOT_AT_RUN_TIME
    )


def tracked_files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-z"],  # noqa: S607 - whichever git the developer uses
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return [name for name in listed.stdout.decode().split("\0") if name]


def vendored_files() -> list[str]:
    """All that dev/vendor.py filled in. Ends the program when a part is missing."""
    for folder in VENDORED:
        if not any((ROOT / folder).iterdir() if (ROOT / folder).is_dir() else ()):
            sys.exit(f"{folder}/ is empty: the release would lack it. Run make install.")
    found = [path for folder in VENDORED for path in (ROOT / folder).rglob("*")]
    wanted = (path for path in found if path.is_file() and not path.name.startswith("."))
    return [path.relative_to(ROOT).as_posix() for path in wanted if path.suffix != ".pyc"]


def bundled_files() -> list[str]:
    """The names that go into the zip, in its order."""
    names = [name for name in tracked_files() if not left_out(name)]
    return sorted({*names, *vendored_files()})


def write_zip(target: Path, names: list[str]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for name in names:
            entry = zipfile.ZipInfo(f"events/{name}", FIXED_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = PLAIN_FILE
            entry.create_system = 3  # Unix, wherever it is built
            bundle.writestr(entry, (ROOT / name).read_bytes())


def main() -> int:
    names = bundled_files()
    if "config.json" not in names:
        print("git knows no config.json here; the bundle holds tracked files.", file=sys.stderr)
        return 1
    version = json.loads((ROOT / "config.json").read_text())["version"]
    target = ROOT / "dist" / f"events-{version}.zip"
    target.parent.mkdir(exist_ok=True)
    write_zip(target, names)
    digest = hashlib.sha256(target.read_bytes()).hexdigest()
    print(f"{target.relative_to(ROOT)}: {len(names)} files, {target.stat().st_size} bytes")
    print(f"SHA-256 {digest}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
