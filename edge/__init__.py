"""The edge: what stands between the outside and the services. Knows descriptors, never a service."""
