"""A Python or Node environment for each instrumentation, with pinned packages: built once, outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

HERE = Path(__file__).parent
APPS = HERE / "apps"
_BUILD_S = 300.0


class BuildFailed(Exception):
    """The environment could not be built; the text is what the installer said."""


def command(app: str) -> tuple[list[str], Path]:
    """How the app is run, and in which folder. Builds its environment where that is missing. Raises `BuildFailed`."""
    if (APPS / app / "app.mjs").exists():
        folder = _node(app)
        shutil.copy(APPS / app / "app.mjs", folder)
        return ["node", "app.mjs"], folder
    return [str(_python(app) / "bin" / "python"), str(APPS / f"{app}.py")], APPS


def _python(app: str) -> Path:
    requirements = HERE / "requirements" / f"{app}.txt"
    folder = _folder(app, requirements.read_bytes() + sys.version.encode())
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        uv = Path(sys.executable).with_name("uv")
        _run([str(uv), "venv", "--quiet", "--python", sys.executable, str(folder)])
        python = str(folder / "bin" / "python")
        _run([str(uv), "pip", "install", "--quiet", "--python", python, "--requirement", str(requirements)])
        (folder / ".ready").touch()
    return folder


def _node(app: str) -> Path:
    lock = APPS / app / "package-lock.json"
    folder = _folder(app, lock.read_bytes())
    if not (folder / ".ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(APPS / app / name, folder)
        _run(["npm", "ci", "--silent", "--ignore-scripts"], cwd=folder)
        (folder / ".ready").touch()
    return folder


def _folder(app: str, pinned: bytes) -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    root = (Path(cache) if cache else Path.home() / ".cache") / "otel-judge" / "live"
    return root / f"{app}-{blake2b(pinned, digest_size=4).hexdigest()}"


def _run(command: list[str], cwd: Path | None = None) -> None:
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=_BUILD_S, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        raise BuildFailed(f"{command[0]} is not installed: {error}") from None
    if done.returncode:
        raise BuildFailed(f"{' '.join(command)}:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
