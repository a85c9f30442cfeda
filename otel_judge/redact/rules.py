"""What is looked for: built-in rules for secrets, cards and e-mail, and the config's own patterns.

A rule is an RE2 expression over bytes and, where a shape alone would match too much, a test of what it found. Tokens
are known by their prefixes, so that one that was cut off is found by what is left of it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, cast

import re2  # pyright: ignore[reportMissingTypeStubs]

from ..config_egress import OwnPattern, PatternConfig

_re2 = cast("Any", re2)  # it comes without types
_MEMORY = 64 * 1024 * 1024  # bytes for RE2's automata; past it they are slow


def compiled(pattern: str, *, capture: bool = True) -> Any:
    """An RE2 expression over UTF-8."""
    options = _re2.Options()
    options.log_errors = False
    options.never_capture = not capture
    options.max_mem = _MEMORY
    return _re2.compile(pattern.encode(), options)


@dataclass(frozen=True)
class Rule:
    """`find` gives start and end of each match: of its first group that took part, else of all."""

    kind: str
    """Word of the pseudonym."""
    pattern: str
    keeps: Callable[[bytes, int, int], bool] | None = None
    """Whether data[start:end] is one; where not, the search goes on behind its first byte."""
    blockable: bool = True
    """Whether a pass over many values at once tells which of them may match."""
    sign: str | None = None
    """A simpler pattern that finds every value in which this may match."""

    def find(self, data: bytes) -> Iterator[tuple[int, int]]:
        regex, position = _compiled(self.pattern), 0
        while (match := regex.search(data, position)) is not None:
            group = next((number for number in range(1, regex.groups + 1) if match.start(number) >= 0), 0)
            start, end = match.start(group), match.end(group)
            if end > start and (self.keeps is None or self.keeps(data, start, end)):
                yield start, end
                position = max(end, match.start() + 1)
            else:
                position = match.start() + 1
                while position < len(data) and data[position] & 0xC0 == 0x80:  # not within a character
                    position += 1


_compiled = cache(compiled)


def rules_of(patterns: tuple[PatternConfig, ...]) -> tuple[Rule, ...]:
    """The rules that the config names, in its order."""
    built_in = {"secrets": SECRETS, "cards": CARDS, "email": EMAIL}
    found = list[Rule]()
    for pattern in patterns:
        found += [_own(pattern)] if isinstance(pattern, OwnPattern) else built_in[pattern]
    return tuple(found)


_ANCHORED = re.compile(r"\\[AzCQ]|\(\?[A-Za-z-]*[-sU]|(?<!\[)\^|\$")
"""What means something else in the middle of a block of values."""


def _own(config: OwnPattern) -> Rule:
    return Rule(config.name, config.regex, blockable=_ANCHORED.search(config.regex) is None)


def _mixed(data: bytes, start: int, end: int) -> bool:
    """Looks random: has a digit, or both cases. Words of prose and of code have neither."""
    body = data[start:end].rpartition(b"_")[2] if b"_" in data[start : start + 8] else data[start:end]
    return any(48 <= byte <= 57 for byte in body) or not (body.islower() or body.isupper() or body.istitle())


def _is_basic(data: bytes, start: int, end: int) -> bool:
    """The Base64 of `user:password`, perhaps cut off."""
    body = data[start:end].rstrip(b"=")
    try:
        return b":" in base64.b64decode(body[: len(body) // 4 * 4])
    except ValueError:
        return False


PLACEHOLDERS = frozenset(
    b"none null nil true false string str text bytes required optional unset undefined empty changeme redacted hidden "
    b"secret password token example yes no missing invalid incorrect wrong expired valid".split()
)
_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


def is_value(value: bytes) -> bool:
    """Whether what is assigned to a password's name can be one: no placeholder, reference or pseudonym."""
    return (
        len(value) >= 3
        and value[:1] not in b"<${%"
        and value.strip(b"*x.") != b""
        and (value.lower() not in PLACEHOLDERS)
    )


def _is_assigned(data: bytes, start: int, end: int) -> bool:
    value = data[start:end]
    if not is_value(value) or (value.startswith(b"/") and data[:start].rstrip(b" =:\"'").lower().endswith(b"pwd")):
        return False
    if data[start - 1 : start] in (b'"', b"'"):
        return True
    if data[end : end + 1] in (b"(", b"[") or _IDENTIFIER.fullmatch(value):
        return False  # code
    by_colon = data[:start].rstrip()[-1:] == b":"
    return len(value) >= 4 and (not by_colon or _mixed(data, start, end) or data[end : end + 1] in (b"", b"\n"))


_NAMES = (
    "password|passwd|passphrase|pwd|secret|api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|account[_-]?key|"
    "(?:access|refresh|auth|id|api|session|bearer|secret|security)[_-]?token"
)
_ALSO = r"authorization|header\.(?:set-)?cookie"  # as keys alone: prose says more with these
_KEY = re.compile(rf"(?:{_NAMES}|{_ALSO})".replace("[_-]?", "[_.-]?") + r"\Z", re.IGNORECASE)


@cache
def is_telling(key: str) -> bool:
    """Whether a key says that its value is a secret, whatever it looks like."""
    return len(key) < 256 and _KEY.search(key) is not None


_TOKEN = r"""(?:
sk-(?:ant|proj|svcacct|admin|or-v1|lf)-[A-Za-z0-9_-]{2,}
|gh[pousr]_[A-Za-z0-9]{4,}|github_pat_[A-Za-z0-9_]{4,}
|gl(?:pat|dt|rt|cbt|ptt|ft|oas|soat|agent|imt)-[A-Za-z0-9_.-]{6,}
|xox[abeoprs]-[A-Za-z0-9-]{4,}|xapp-[0-9]-[A-Za-z0-9-]{4,}
|hooks\.slack\.com/services/[A-Za-z0-9/]{8,}
|[srp]k_(?:live|test)_[A-Za-z0-9]{4,}|whsec_[A-Za-z0-9]{8,}
|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{4,}
|AIza[A-Za-z0-9_-]{6,}|ya29\.[A-Za-z0-9_-]{6,}|GOCSPX-[A-Za-z0-9_-]{6,}
|pypi-AgE[A-Za-z0-9_-]{2,}|dop_v1_[a-f0-9]{6,}
|SG\.[A-Za-z0-9_-]{16,}(?:\.[A-Za-z0-9_-]*)?
|eyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{2,}(?:\.[A-Za-z0-9_-]*)?
)""".replace("\n", "")
_RANDOM = r"""(?:
sk-[A-Za-z0-9_-]{16,}|sk-[A-Za-z0-9]{6,}\z
|npm_[A-Za-z0-9]{6,}|hf_[A-Za-z0-9]{6,}|gsk_[A-Za-z0-9]{8,}|r8_[A-Za-z0-9]{16,}
|xai-[A-Za-z0-9]{16,}|pplx-[A-Za-z0-9]{16,}
|(?:SK|AC)[0-9a-f]{32}|dapi[0-9a-f]{32}
|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}
)""".replace("\n", "")
_FRONT = r"(?:^|[^A-Za-z0-9])"
_PREFIXES = (
    r"(?:sk-[A-Za-z0-9]|gh[pousr]_|github_pat_|gl[a-z]+-[A-Za-z0-9]|xox[a-z]-|xapp-|hooks\.slack|[srp]k_(?:live|test)_"
    r"|whsec_|A[KSBC][IC]A[A-Z0-9]|AIza|ya29\.|GOCSPX-|pypi-A|dop_v1_|SG\.[A-Za-z0-9]|eyJ[A-Za-z0-9_-]+\.|npm_|hf_|gsk_"
    r"|r8_|xai-|pplx-|(?:SK|AC|dapi)[0-9a-f]{8}|[0-9]+:AA)"
)
_BEGIN = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----"

SECRETS = (
    Rule("secret", _BEGIN + r"(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)", sign=_BEGIN),
    Rule("secret", f"{_FRONT}({_TOKEN})", sign=_FRONT + _PREFIXES),
    Rule("secret", f"{_FRONT}({_RANDOM})", _mixed, sign=_FRONT + _PREFIXES),
    Rule("secret", r"(?i)\bbearer\s+([A-Za-z0-9._~+/=-]{6,})", _mixed, sign=r"(?i)bearer\s+[A-Za-z0-9._~+/=-]{6}"),
    Rule("secret", r"(?i)\bbasic\s+([A-Za-z0-9+/]{6,}={0,2})", _is_basic, sign=r"(?i)basic\s+[A-Za-z0-9+/]{6}"),
    Rule("secret", r"""[A-Za-z][A-Za-z0-9+.-]*://([^\s/?#"'<>@:]*:[^\s/?#"'<>]+)@""", sign=r"://[^\s/?#@]*@"),
    Rule(
        "secret",
        r"""(?i)[?&](?:token|key|sig|signature|auth|x-amz-signature)=([^\s&#"'<>\\]{8,})""",
        _mixed,
        sign=r"(?i)[?&](?:token|key|sig|signature|auth|x-amz-signature)=",
    ),
    Rule(
        "secret",
        rf"(?i){_FRONT}aws[^\n]{{0,40}}?[^A-Za-z0-9/+=]([A-Za-z0-9/+]{{40}})(?:[^A-Za-z0-9/+=]|\z)",
        _mixed,
        sign=rf"(?i){_FRONT}aws",
    ),
    Rule(
        "secret",
        rf"""(?i)(?:{_NAMES})["']?\s*(?:=>|:=|=|:)\s*"""
        r"""(?:"((?:[^"\\\n]|\\.)+)|'((?:[^'\\\n]|\\.)+)|([^\s"'<>,;&(){}\[\]\\]+))""",
        _is_assigned,
        sign=rf"""(?i)(?:{_ALSO}|{_NAMES})["'\\]*\s*(?:=>|:=|=|:)""".replace("[_-]?", "[_.-]?"),
    ),
)


def _is_card(data: bytes, start: int, end: int) -> bool:
    """A known issuer, a valid check digit, and no part of a fraction."""
    digits = [byte - 48 for byte in data[start:end] if 48 <= byte <= 57]
    if data[start - 1 : start] == b"." and data[start - 2 : start - 1].isdigit():
        return False
    if data[end : end + 1] == b"." and data[end + 1 : end + 2].isdigit() and data[end + 1 : end + 3] != b"0":
        return False
    number = "".join(map(str, digits))
    if not _ISSUER.fullmatch(number):
        return False
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


_ISSUER = re.compile(
    r"4\d{12}|4\d{15}|4\d{18}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-5]|[689]\d)\d{11}|35\d{14}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}|(?:50|5[6-9]|6[0-9])\d{10,17}"
)
_DIGITS = r"[0-9]{12,19}|[0-9]{4}(?:[ -][0-9]{4}){2}[ -][0-9]{4}(?:[ -][0-9]{3})?|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5}"
CARDS = (
    Rule(
        "card",
        rf"(?:^|[^A-Za-z0-9])({_DIGITS})(?:[^A-Za-z0-9]|$)",
        _is_card,
        sign=r"(?:^|[^A-Za-z0-9])[2-6][0-9]{3}(?:[0-9]{8}|[ -][0-9]{4})",
    ),
)

_LETTER = r"A-Za-z\p{Latin}\p{Greek}\p{Cyrillic}"  # scripts that put blanks between words
_WORD = rf"{_LETTER}0-9"
_LOCAL = rf"[{_WORD}_][{_WORD}._%+'-]*(?:@|%40)"


def _is_email(data: bytes, start: int, end: int) -> bool:
    return data[start:end].rpartition(b".")[2].lower() not in _FILES


_FILES = (b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"js", b"css", b"ts", b"py")  # such as logo@2x.png
EMAIL = (
    Rule(
        "email",
        rf"{_LOCAL}(?:(?:[{_WORD}-]+\.)+[{_LETTER}]{{2,}}|[{_LETTER}.-]*\z)",
        _is_email,
        sign=r"[^\s@](?:@|%40)",
    ),
)
