"""Writes what is in a function's package as a bill of materials: CycloneDX 1.6, in JSON.

A component is the package as it lies there, so that also a folder or a requirement of one's own is named. The
same package has the same bill.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

VERSION = SchemaVersion.V1_6


def bill(package: Path, zip_sha256: str, version: str) -> str:
    """Returns the bill of a function's package. Raises ValueError if it would not fit the schema.

    version -- the project's.
    """
    bom = Bom(serial_number=uuid5(NAMESPACE_URL, zip_sha256))
    bom.metadata.component = main = _ours(package.name, zip_sha256, version)
    libraries = [_library(one) for one in sorted(distributions(path=[str(package)]), key=_name)]
    for one in libraries:
        bom.components.add(one)
    bom.register_dependency(main, libraries)
    made = json.loads(make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string())
    del made["metadata"]["timestamp"]  # of now
    text = json.dumps(made, indent=2)
    if error := JsonStrictValidator(VERSION).validate_str(text):
        raise ValueError(f"the bill of {package.name} does not fit the schema: {error.data.message}")
    return text


def _ours(name: str, zip_sha256: str, version: str) -> Component:
    return Component(
        name=name,
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=name,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=zip_sha256)],
    )


def _library(one: Distribution) -> Component:
    url = PackageURL("pypi", name=_name(one), version=one.version)
    return Component(
        name=_name(one),
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=str(url),
        purl=url,
        licenses=_licenses(one),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=_digest(one))],
        description=one.metadata.get("Summary"),
    )


def _name(one: Distribution) -> str:
    return re.sub(r"[-_.]+", "-", one.name).lower()


def _licenses(one: Distribution) -> Sequence[Any]:
    """Returns the licence that the package names: by an expression, else by a word or a classifier."""
    told = one.metadata
    classifiers = (
        text.rpartition(" :: ")[2] for text in told.get_all("Classifier", []) if text.startswith("License ::")
    )
    named = told.get("License-Expression") or told.get("License") or next(classifiers, None)
    return [LicenseFactory().make_from_string(named)] if named else []


def _digest(one: Distribution) -> str:
    """Returns the SHA-256 over the package's files as they lie here: their names, and each one's own."""
    lines = "".join(f"{name} {content}\n" for name, content in sorted(_files(one)))
    return hashlib.sha256(lines.encode()).hexdigest()


def _files(one: Distribution) -> Iterator[tuple[str, str]]:
    for file in one.files or []:
        path = Path(str(one.locate_file(file)))
        if path.is_file():
            yield file.as_posix(), hashlib.sha256(path.read_bytes()).hexdigest()
