"""A walk over the package's source: floors, borders between rooms, sizes, forbidden statements.

Works on any folder, so that its own test can plant violations.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

# Low to high; what shares a floor may not import its neighbours.
FLOORS: tuple[tuple[str, ...], ...] = (
    ("actors", "errors", "clock", "hints"),
    ("models", "throttle"),
    ("settings_fields",),
    ("crud",),
    ("settings", "web"),
    ("audit", "outbox"),
    ("catalog",),
    ("promos",),
    ("tickets",),
    ("orders",),
    ("refunds", "door"),
    ("notifications", "nostr"),
    ("views_*",),
    ("tasks", "views", "views_api"),
    ("__init__",),
)
ROOMS = (
    "audit",
    "outbox",
    "catalog",
    "promos",
    "tickets",
    "orders",
    "refunds",
    "door",
    "notifications",
    "nostr",
)
# The host may load the new migrations under the old package, so they import nothing of it.
# The adoption of old data stands apart too, but may be cut into files of its own name.
SELF_CONTAINED = re.compile(r"migrations(_\w+)?|adoption(_\w+)?")
_ADOPTION = re.compile(r"adoption(_\w+)?")
# The fork's steps are loaded by `tasks`, never by the host, so they may share their statements.
_FORK_STEPS = re.compile(r"migrations_\w+")
_FORK_SHARED = "migrations_schema"
# Helpers of the pages: one floor, whose files may use each other.
_PAGE_HELPER = re.compile(r"views_(?!api$)\w+")
# The order of the usual files inside a room; other files must only keep the room free of cycles.
ROOM_FLOORS: Mapping[str, int] = {"models": 0, "rules": 1, "crud": 1, "services": 2, "views_api": 3}
# What a room shows to the rooms above it, besides services, rules and models.
SHOWN: Mapping[str, frozenset[str]] = {
    "outbox": frozenset({"wakeup", "delivery"}),
    "catalog": frozenset(
        {
            "code_mirror",
            "seats",
            "bodies",
            "times",
            "endings",
            "options",
            "option_rules",
            "markdown",
            "reminding",
            "described",
        }
    ),
    "tickets": frozenset({"qr", "responses", "calendar"}),
    "orders": frozenset(
        {
            "pricing",
            "quoting",
            "settlement",
            "sweeper",
            "live",
            "checkout",
            "bodies",
            "endings",
            "invoicing",
            "legacy",
            "views_api_legacy",
            "holders",
        }
    ),
    "refunds": frozenset({"bodies", "cancelling", "claims", "worker", "wakeup"}),
    "door": frozenset({"views_api_scanners", "views_api_offline"}),
    "notifications": frozenset({"worker", "email", "resending"}),
    "nostr": frozenset({"accounts", "worker", "direct", "views_api_state"}),
}
ADAPTERS = frozenset(
    {"invoicing", "payouts", "host_rows", "images", "email", "dms", "relays", "vault"}
)
_MAY_IMPORT_HOST = re.compile(r"(crud|views)\w*|web|tasks|settings")
_BROAD = frozenset({"Exception", "BaseException"})
# A catch-all says on its line why; ruff asks for a code too, unless the error is passed on.
_REASONED = re.compile(r"except .*#.* \w+ \w+ \w+")
_UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_NOT_RUN_TIME = frozenset({"tests", "dev", "benchmarks", "docs", "_vendor"})


@dataclass(frozen=True)
class Module:
    """One file: `room` is "" for the root, `name` its stem."""

    path: Path
    room: str
    name: str

    @cached_property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def label(self) -> str:
        return f"{self.room}/{self.name}" if self.room else self.name

    @property
    def self_contained(self) -> bool:
        return not self.room and bool(SELF_CONTAINED.fullmatch(self.name))


@dataclass(frozen=True)
class Target:
    """What an import inside the package points to."""

    room: str
    name: str
    line: int


def run_time_modules(package: Path) -> list[Module]:
    """Every Python file that runs inside the host."""
    found = [Module(path, "", path.stem) for path in sorted(package.glob("*.py"))]
    for folder in sorted(package.iterdir()):
        if (
            folder.is_dir()
            and folder.name not in _NOT_RUN_TIME
            and (folder / "__init__.py").exists()
        ):
            found += [Module(path, folder.name, path.stem) for path in sorted(folder.glob("*.py"))]
    return found


def violations(package: Path) -> list[str]:
    """Everything that breaks the house rules, one sentence each."""
    modules = run_time_modules(package)
    own_names = {module.room or module.name for module in modules}
    found: list[str] = []
    for module in modules:
        found += _unknown_place(module)
        found += _absolute_imports(module, own_names)
        found += _late_imports(module)
        found += _borders(module)
        found += forbidden_statements(module)
        found += oversized(module, 250, 40)
    return found + _cycles(modules)


def imports(module: Module) -> list[Target]:
    """Relative imports, resolved to a root module or a room's module."""
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            found += list(_resolve(module, node))
    return found


def _resolve(module: Module, node: ast.ImportFrom) -> Iterator[Target]:
    base = (module.room if node.level == 1 else "", *(node.module or "").split("."))
    parts = [part for part in base if part]
    names = [alias.name for alias in node.names]
    if not parts:  # `from . import x` in the root, `from .. import x` in a room
        for name in names:
            yield Target(name, "", node.lineno) if name in ROOMS else Target("", name, node.lineno)
    elif parts[0] in ROOMS or parts[0] == module.room:
        for name in names if len(parts) == 1 else [parts[1]]:
            yield Target(parts[0], name, node.lineno)
    else:
        yield Target("", parts[0], node.lineno)


def _floor(name: str) -> int | None:
    if _PAGE_HELPER.fullmatch(name):
        name = "views_*"
    return next((level for level, names in enumerate(FLOORS) if name in names), None)


def _unknown_place(module: Module) -> list[str]:
    if module.self_contained or _floor(module.room or module.name) is not None:
        return []
    return [f"{module.label} stands on no floor"]


def _absolute_imports(module: Module, own_names: set[str]) -> list[str]:
    found = []
    for node in ast.walk(module.tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        for name in names:
            top = name.split(".")[0]
            if top == "events" or top in own_names or name.startswith("lnbits.extensions"):
                found.append(f"{module.label} imports {name} by its absolute name")
            elif top == "lnbits" and not _may_import_host(module):
                found.append(f"{module.label} imports the host ({name})")
    return found


def _may_import_host(module: Module) -> bool:
    if module.self_contained:
        return True
    return bool(_MAY_IMPORT_HOST.fullmatch(module.name)) or module.name in ADAPTERS


def _late_imports(module: Module) -> list[str]:
    return [
        f"{module.label}:{inner.lineno} imports inside a function"
        for node in ast.walk(module.tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for inner in ast.walk(node)
        if isinstance(inner, (ast.Import, ast.ImportFrom))
    ]


def _borders(module: Module) -> list[str]:
    found = []
    for target in imports(module):
        where = f"{module.label}:{target.line}"
        goal = f"{target.room}/{target.name}" if target.room else target.name
        if module.self_contained:
            if not _may_share(module.name, goal):
                found.append(f"{where} is self-contained but imports {goal}")
        elif module.room and module.room == target.room:
            found += _inside_a_room(module, target, where)
        else:
            found += _between_floors(module, target, f"{where} imports {goal}")
    return found


def _may_share(name: str, goal: str) -> bool:
    if _FORK_STEPS.fullmatch(name):
        return goal == _FORK_SHARED
    return bool(_ADOPTION.fullmatch(name) and _ADOPTION.fullmatch(goal))


def _inside_a_room(module: Module, target: Target, where: str) -> list[str]:
    here, there = ROOM_FLOORS.get(module.name), ROOM_FLOORS.get(target.name)
    if target.name == "views_api":
        return [f"{where} imports its own views_api"]
    if here is not None and there is not None and there >= here:
        return [f"{where} imports {target.name} of its room, which is not below"]
    return []


def _between_floors(module: Module, target: Target, what: str) -> list[str]:
    if SELF_CONTAINED.fullmatch(target.name) and not target.room:
        return [] if module.name == "tasks" else [f"{what}: only tasks may"]
    here, there = _floor(module.room or module.name), _floor(target.room or target.name)
    if here is None or there is None:
        return [f"{what}, which stands on no floor"]
    page_helpers = _PAGE_HELPER.fullmatch(module.name) and _PAGE_HELPER.fullmatch(target.name)
    if there >= here and not page_helpers:
        return [f"{what}, which is not below"]
    if not target.room or not target.name:
        return []
    if target.name == "views_api":
        return [] if module.label == "views_api" else [f"{what}: only the root views_api mounts"]
    shown = {"services", "rules", "models"} | SHOWN.get(target.room, frozenset())
    return [] if target.name in shown else [f"{what}: a room does not show that"]


def forbidden_statements(module: Module) -> list[str]:
    """Asserts and broad excepts (unless they raise again or give a reason), unfinished work."""
    found = []
    for node in ast.walk(module.tree):
        excused = hasattr(node, "lineno") and bool(_REASONED.search(module.lines[node.lineno - 1]))
        if isinstance(node, ast.Assert) and not excused:
            found.append(f"{module.label}:{node.lineno} asserts")
        if isinstance(node, ast.ExceptHandler) and _is_broad(node) and not excused:
            found.append(f"{module.label}:{node.lineno} catches everything")
    for number, line in enumerate(module.lines, 1):
        if _UNFINISHED.search(line):
            found.append(f"{module.label}:{number} is unfinished")
    return found


def _is_broad(node: ast.ExceptHandler) -> bool:
    last = node.body[-1]
    if isinstance(last, ast.Raise) and last.exc is None:
        return False
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _BROAD) for kind in kinds)


def oversized(module: Module, max_lines: int, max_function_lines: int) -> list[str]:
    found = []
    if len(module.lines) > max_lines:
        found.append(f"{module.label} has {len(module.lines)} lines, {max_lines} are allowed")
    for node in ast.walk(module.tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > max_function_lines:
                found.append(f"{module.label}: {node.name} has {length} lines")
    return found


def _cycles(modules: list[Module]) -> list[str]:
    """Modules of one room, or of the root, that import each other in a circle."""
    edges = {
        (module.room, module.name): {
            (target.room, target.name) for target in imports(module) if target.room == module.room
        }
        for module in modules
    }
    found = []
    for start in edges:
        seen: set[tuple[str, str]] = set()
        ahead = list(edges[start])
        while ahead:
            step = ahead.pop()
            if step not in seen:
                seen.add(step)
                ahead += edges.get(step, ())
        if start in seen:
            found.append(f"{'/'.join(filter(None, start))} imports itself in a circle")
    return found
