"""Mutation testing: changes the code on purpose, one line at a time. A test must fail each time."""
