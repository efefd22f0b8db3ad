"""kesheng 客声: Chinese customer feedback to traceable service-quality tables."""

from importlib.metadata import version

__version__ = version("kesheng")
