"""Loads every module that implements NumPy functions, so that the table is complete.

Layer: frontend. Imported by trace.py before the first trace.
"""

from . import arithmetic, assignment, indexing, numpy_api, selection, ufuncs

__all__ = ["arithmetic", "assignment", "indexing", "numpy_api", "selection", "ufuncs"]
