"""Signing of the addresses under which stored files are read."""
