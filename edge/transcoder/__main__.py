"""`python -m edge.transcoder`: the REST side of the edge."""

from __future__ import annotations

import uvloop

from edge.transcoder.server import serve
from edge.transcoder.settings import TranscoderSettings
from services.chassis.logs import configure as configure_logs
from services.chassis.telemetry import configure as configure_telemetry


def main() -> None:
    settings = TranscoderSettings()
    configure_logs(settings.service, settings.log_level)
    # Which traces begin is decided before a span is made (tracing.py): those that are made are wanted.
    stop_telemetry = configure_telemetry(settings.model_copy(update={"trace_ratio": 1.0}))
    try:
        uvloop.run(serve(settings))
    finally:
        stop_telemetry()


if __name__ == "__main__":
    main()
