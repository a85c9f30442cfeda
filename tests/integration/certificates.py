"""Real certificates, made by openssl for one test run."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest


class Authority:
    """A certificate authority in a folder. Files are `NAME.pem` and `NAME.key`; its own are called `ca`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.openssl("req", "-x509", "-subj", "/CN=Test authority", *self._key("ca"), "-out", self.file("ca.pem"))

    def file(self, name: str) -> str:
        return str(self.folder / name)

    def issue(self, name: str) -> tuple[str, str]:
        """A certificate for 127.0.0.1 and localhost, of servers and of clients, and its key."""
        extensions = self.folder / f"{name}.ext"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        self.openssl("req", "-subj", f"/CN={name}", *self._key(name), "-out", self.file(f"{name}.csr"))
        made = ("-req", "-in", self.file(f"{name}.csr"), "-out", self.file(f"{name}.pem"), "-days", "2")
        signed = ("-CA", self.file("ca.pem"), "-CAkey", self.file("ca.key"), "-CAcreateserial")
        self.openssl("x509", *made, *signed, "-extfile", str(extensions))
        return self.file(f"{name}.pem"), self.file(f"{name}.key")

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def _key(self, name: str) -> tuple[str, ...]:
        return (
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-keyout",
            self.file(f"{name}.key"),
        )

    def openssl(self, *arguments: str) -> None:
        openssl = shutil.which("openssl")
        if openssl is None:
            pytest.skip("openssl is not installed")
        subprocess.run([openssl, *arguments], check=True, capture_output=True)
