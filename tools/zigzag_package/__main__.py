"""`make package`: builds, and writes zips, a template and bills of materials that any tool deploys.

    python -m zigzag_package [FOLDER]

The parameters are those of samconfig.toml's `default`, of which only Architecture matters to a build.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import tomllib
from pathlib import Path

from zigzag_local.errors import LocalAwsError
from zigzag_local.stack import build, parameters
from zigzag_package import bill, template, zips

ROOT = Path(__file__).resolve().parents[2]


def main(folder: str) -> str | None:
    """Writes the files, and their names to standard output. Returns the error in a sentence, or None."""
    into = Path(folder)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="zigzag-package-") as scratch:
        built = Path(scratch) / "build"
        try:
            build(ROOT, os.environ, built, Path(scratch) / "log", config="default", overrides={})
        except LocalAwsError as error:
            return f"zigzag: {error}"
        for file in write(built, into):
            print(file)
    return None


def write(built: Path, into: Path, root: Path = ROOT) -> list[Path]:
    """Writes what `sam build` has made of the project `root` into a folder that is there. Returns the files.

    Older zips and bills of these functions go.
    """
    text = (root / "template.yaml").read_text(encoding="utf-8")
    architecture = parameters(root, "default").get("Architecture", "x86_64")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    version = str(project.get("version", "0"))
    written, names = [], {}
    for name in template.functions(text):
        for old in (*into.glob(f"{name}-*.zip"), *into.glob(f"{name}-*.cdx.json")):
            old.unlink()
        zipped = zips.write(built / name, into)
        bom = zipped.with_suffix(".cdx.json")
        text_of_bill = bill.bill(built / name, zips.digest(zipped), version)
        bom.write_text(f"{text_of_bill}\n", encoding="utf-8")
        names[name] = zipped.name
        written += [zipped, bom]
    made = into / "template.json"
    made.write_text(json.dumps(template.packaged(text, names, architecture), indent=1) + "\n", "utf-8")
    return [*written, made]


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["dist"])))
