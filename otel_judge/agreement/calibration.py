"""The calibration file: what `otel-judge agree --save` remembers, and what judges are stamped with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

import orjson

from ..errors import ConfigError, SourceError
from ..feedback import Calibration, Feedback


class Calibrations:
    """Calibrations by version and model. The version says all that decides a verdict, so a judge keeps its record
    under another name; a fallback model has none of its own unless it was measured.
    """

    def __init__(self, records: Iterable[Calibration] = ()) -> None:
        self._by_instrument = {(record.version, record.model): record for record in records}
        self._by_version = {record.version: record for record in self._by_instrument.values()}

    def __iter__(self) -> Iterator[Calibration]:
        return iter(self._by_instrument.values())

    @classmethod
    def load(cls, path: str | Path) -> Calibrations:
        """Raises `ConfigError`."""
        try:
            entries = orjson.loads(Path(path).read_bytes())["calibrations"]
            return cls(Calibration(**entry) for entry in entries)
        except FileNotFoundError:
            mend = "otel-judge agree --save writes one"
            raise ConfigError(f"calibration: {path}", "no such file", mend) from None
        except OSError as error:
            raise ConfigError(f"calibration: {path}", f"cannot be read: {error.strerror}") from None
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"calibration: {path}", f"not a calibration file: {error}") from None

    def save(self, path: str | Path) -> None:
        """Writes the file whole. Raises `SourceError`."""
        records = sorted(map(asdict, self), key=lambda record: (record["judge"], record["measured_at"]))
        data = orjson.dumps({"calibrations": records}, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        try:
            Path(path).write_bytes(data)
        except OSError as error:
            raise SourceError(str(path), f"cannot be written: {error.strerror}") from None

    def with_records(self, records: Iterable[Calibration]) -> Calibrations:
        """These, and newer ones in place of those of the same version and model."""
        return Calibrations([*self, *records])

    def stamp(self, feedback: Feedback) -> Feedback:
        """The feedback with its judge's calibration, where there is one."""
        if feedback.scorer.kind == "check":
            return feedback
        version, model = feedback.scorer.version, feedback.model
        # What broke off before any model had answered is still of a judge that was measured.
        record = self._by_version.get(version) if model is None else self._by_instrument.get((version, model))
        return feedback if record is None else replace(feedback, calibrated_by=record)
