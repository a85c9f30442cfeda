"""The page: template, style, script and data as one text, closed to everything else.

The data stand in a block that no browser runs, with every character escaped that could end it. Its policy lets this
script and this style run, by their hashes, and nothing be loaded or sent; and the script makes text nodes alone.
"""

from __future__ import annotations

import base64
import re
from hashlib import sha256
from importlib.resources import files
from string import Template
from typing import Final

_ESCAPED: Final = re.compile("[<>&\u2028\u2029]")


def render(data: str) -> str:
    """The HTML of a report, from its data as JSON."""
    style, script = _read("report.css"), _read("report.js")
    policy = (
        "default-src 'none'",
        f"script-src '{_hash(script)}'",
        f"style-src '{_hash(style)}'",
        "img-src data:",  # the icon, which is empty: browsers ask for one elsewhere otherwise
        "base-uri 'none'",
        "form-action 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
    page = Template(_read("report.html"))
    return page.substitute(policy="; ".join(policy), style=style, script=script, data=escape(data))


def escape(data: str) -> str:
    """JSON that can stand in a `<script>` element: the same values, and nothing that HTML would read."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", data)


def _read(name: str) -> str:
    return files("otel_judge.report").joinpath("template", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(sha256(text.encode()).digest()).decode()
