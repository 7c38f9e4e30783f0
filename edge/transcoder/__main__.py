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
    stop_telemetry = configure_telemetry(settings)
    try:
        uvloop.run(serve(settings))
    finally:
        stop_telemetry()


if __name__ == "__main__":
    main()
