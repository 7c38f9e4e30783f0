"""Figures of the mesh, each measured beside its peers: `python -m bench`."""
