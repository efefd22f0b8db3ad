"""Stages that turn a raw text into a clean, masked, segmented one."""
