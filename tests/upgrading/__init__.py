"""Checks that each new migration may run while the previous release serves: in `make check`."""
