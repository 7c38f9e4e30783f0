"""`python -m edge.transcoder`: the REST side of the edge."""

from __future__ import annotations

import uvloop

from edge.transcoder.server import serve
from edge.transcoder.settings import TranscoderSettings
from services.chassis import logs, telemetry


def main() -> None:
    settings = TranscoderSettings()
    logs.configure(settings.service, settings.log_level)
    stop_telemetry = telemetry.configure(settings)
    try:
        uvloop.run(serve(settings))
    finally:
        stop_telemetry()


if __name__ == "__main__":
    main()
