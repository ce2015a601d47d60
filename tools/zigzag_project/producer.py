"""Makes the package that a producer elsewhere installs: `zigzag` alone, as a wheel: `make producer`.

A project of its own may have packages called `shared` and `tasks`. So the part of `src/shared` that sending
needs moves to `zigzag/shared`, and the wheel has nothing else of Zigzag's.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from zigzag_project.stamp import NAME as STAMP
from zigzag_project.stamp import ProjectError, Stamp

ROOT = Path(__file__).resolve().parents[2]
DISTRIBUTION = "zigzag-queue"
"""Its name. PyPI's `zigzag` is another project."""

_NEEDS = ("boto3>=1.35", "pydantic>=2,<3")
_ADDED = (2026, 1, 1, 0, 0, 0)
"""The time of every file: the same tree makes the same wheel."""

_IMPORT = re.compile(r"^(\s*)from shared(?=[. ])", re.MULTILINE)


def main(folder: str = "") -> str | None:
    """Makes the wheel in a folder. Returns the error in a sentence, or None."""
    try:
        print(make(Path(folder or "dist")))
    except ProjectError as error:
        return f"zigzag: {error}"
    return None


def make(folder: Path, root: Path = ROOT) -> Path:
    """Writes the wheel into the folder, and returns its path. Raises ProjectError if it can't be written."""
    version = _version(root)
    files = {**_modules(root / "src"), **_information(version, root)}
    at = f"{DISTRIBUTION.replace('-', '_')}-{version}"
    record = f"{at}.dist-info/RECORD"
    wheel = folder / f"{at}-py3-none-any.whl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as written:
            for path, text in {**files, record: _record(files, record)}.items():
                written.writestr(zipfile.ZipInfo(path, _ADDED), text)
    except OSError as error:
        raise ProjectError(f"{wheel} can't be written: {error.strerror}.") from error
    return wheel


def _version(root: Path) -> str:
    """Returns Zigzag's version. A user's project has it in its stamp, and its own in pyproject.toml."""
    if (root / STAMP).exists():
        return Stamp.read(root).version
    return str(tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"])


def _modules(src: Path) -> dict[str, str]:
    """Returns the texts of the wheel's modules, by path."""
    own = sorted((src / "zigzag").rglob("*.py"))
    reached = _reached(src, own)
    texts = {file.relative_to(src).as_posix(): file.read_text(encoding="utf-8") for file in own}
    for file in sorted(reached):
        texts[f"zigzag/{file.relative_to(src).as_posix()}"] = file.read_text(encoding="utf-8")
    moved = {path: _IMPORT.sub(r"\1from zigzag.shared", text) for path, text in texts.items()}
    return {**moved, "zigzag/py.typed": ""}


def _reached(src: Path, files: list[Path]) -> set[Path]:
    """Returns the modules of `shared` that these import, directly or through others, at any place."""
    found: set[Path] = set()
    todo = list(files)
    while todo:
        for name in _imported(todo.pop()):
            file = src / f"{name.replace('.', '/')}.py"
            if file.exists() and file not in found:
                found.add(file)
                todo.append(file)
    return found


def _imported(file: Path) -> Iterator[str]:
    """Yields the modules of `shared` that a file may import. Raises ProjectError for another form."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import) and any(one.name.partition(".")[0] == "shared" for one in node.names):
            raise ProjectError(f"{file}:{node.lineno} imports shared: write `from shared… import …`.")
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "shared":
            yield str(node.module)
            yield from (f"{node.module}.{one.name}" for one in node.names)


def _information(version: str, root: Path) -> dict[str, str]:
    """Returns the files that say what the package is
    (https://packaging.python.org/en/latest/specifications/core-metadata/)."""
    license = next(file for name in ("LICENSE-zigzag", "LICENSE") if (file := root / name).exists())
    folder = f"{DISTRIBUTION.replace('-', '_')}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {one}\n" for one in _NEEDS)
    return {
        f"{folder}/METADATA": (
            f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {version}\n"
            "Summary: Sends tasks to a Zigzag queue on Amazon SQS\n"
            f"Requires-Python: >=3.13\n{needs}"
        ),
        f"{folder}/WHEEL": (
            "Wheel-Version: 1.0\nGenerator: zigzag\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        ),
        f"{folder}/LICENSE": license.read_text(encoding="utf-8"),
    }


def _record(files: Mapping[str, str], own: str) -> str:
    """Returns the list of all files, with hashes
    (https://packaging.python.org/en/latest/specifications/recording-installed-packages/)."""
    lines = []
    for path, text in files.items():
        data = text.encode()
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        lines.append(f"{path},sha256={digest},{len(data)}")
    return "\n".join([*lines, f"{own},,"]) + "\n"


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
