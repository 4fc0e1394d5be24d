"""Loads every module that implements NumPy functions, so that the table is complete.

Layer: frontend. Imported by trace.py before the first trace.
"""

from . import arithmetic, numpy_api

__all__ = ["arithmetic", "numpy_api"]
