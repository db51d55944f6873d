"""Deliberate changes to the engine, one at a time: does a test notice each of them?"""
