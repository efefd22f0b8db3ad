"""Shipped model files: where they are, and that they are what their manifest says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from kesheng.errors import ArtefactError, choices, nearest

MANIFEST = "MANIFEST.json"


def models_folder() -> Path:
    """`kesheng/_models` of an installed wheel, or `models` of a checkout."""
    package = Path(str(resources.files("kesheng")))
    for folder in (package / "_models", package.parents[1] / "models"):
        if folder.is_dir():
            return folder
    raise ArtefactError(f"no model files beside {package}; install kesheng again")


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verified(name: str, *, folder: Path | None = None) -> Path:
    """Return the path of a model file after checking it against the manifest.

    Raises:
        ArtefactError: the file is missing, unknown to the manifest or changed.
    """
    folder = folder or models_folder()
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArtefactError(f"cannot read {MANIFEST} in {folder.name}/: {error}") from error
    if not isinstance(manifest, dict):
        raise ArtefactError(f"{MANIFEST} in {folder.name}/ is not a mapping of names to digests")
    if name not in manifest:
        raise ArtefactError(
            f"no model file {name!r}{nearest(name, manifest)}; there are: {choices(manifest)}"
        )
    path = folder / name
    if not path.is_file():
        raise ArtefactError(f"model file {name} is missing; expected sha256 {manifest[name]}")
    found = sha256(path)
    if found != manifest[name]:
        raise ArtefactError(
            f"model file {name} was changed: sha256 {found}, expected {manifest[name]}; "
            "install kesheng again, or run 'kesheng train'"
        )
    return path


def write_manifest(folder: Path, names: Iterable[str]) -> None:
    """Record the digests of `names`, keeping what the manifest says of other files."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    manifest.update({name: sha256(folder / name) for name in names})
    manifest = {
        name: digest for name, digest in sorted(manifest.items()) if (folder / name).exists()
    }
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def taxonomy_path(name: str) -> Path:
    """Path of a shipped taxonomy by name, or of a team's own YAML file."""
    if name.endswith((".yaml", ".yml")):
        return Path(name)
    return verified(f"taxonomy/{name}.yaml")
