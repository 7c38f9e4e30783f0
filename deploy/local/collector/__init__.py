"""A development receiver of traces: OTLP over gRPC in, JSON lines and a small page out.

It stands where an OpenTelemetry collector stands in production, so the services' exporters are the same. Memory is
bounded; what falls out of it is still in the file of its day under `.kerya/traces/`.
"""
