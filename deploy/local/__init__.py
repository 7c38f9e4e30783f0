"""One machine: the engines, the supervisor and the `kerya` command."""
