"""The Envoy configuration, built from the contract and the topology: `python -m edge.envoy`."""
