"""Measures: one file a method, pure functions on frames (methods.md)."""
