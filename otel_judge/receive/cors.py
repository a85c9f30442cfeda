"""Cross-origin requests, as the Collector's confighttp lets them in."""

from __future__ import annotations

import re

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from ..config_receivers import Cors


def cross_origin(cors: Cors) -> Middleware:
    """Answers a browser's question before the request is asked for a token, which browsers do not send with it."""
    # A pattern for all, `*` included: the answer then names the origin, as browsers want where credentials are sent.
    patterns = (".*" if origin == "*" else re.escape(origin).replace(r"\*", "[^/]*") for origin in cors.allowed_origins)
    return Middleware(
        CORSMiddleware,
        allow_origin_regex="|".join(f"(?:{pattern})" for pattern in patterns),
        allow_methods=["POST"],
        allow_headers=["X-Requested-With", *cors.allowed_headers],
        allow_credentials=True,
        max_age=cors.max_age,
    )
