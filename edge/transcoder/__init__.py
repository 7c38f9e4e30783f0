"""REST/JSON to gRPC and back, driven by the descriptor set alone: no route is written by hand."""
