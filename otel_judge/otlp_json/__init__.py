"""OTLP/JSON to protobuf and back.

The OTLP mapping differs from protobuf's own (opentelemetry-proto, docs/specification.md, "JSON Protobuf Encoding"):
ids are hex, enums are integers. `google.protobuf.json_format` reads ids as base64, and manages about a tenth of the
spans a second.
"""

from __future__ import annotations

from .decode import decode_logs, decode_traces
from .encode import encode_message, encode_traces

__all__ = ["decode_logs", "decode_traces", "encode_message", "encode_traces"]
