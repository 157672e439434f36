"""A cluster of Ray on three machines, in network namespaces: `make ray-check`."""
