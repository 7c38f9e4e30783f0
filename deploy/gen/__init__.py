"""Everything under `gen/`, and every generated page, made from `proto/`: `python -m deploy.gen [--check]`."""
