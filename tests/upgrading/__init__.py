"""Holds each migration that the previous release does not have against it: `make check`."""
