"""Backends: from the kernel form to machine code."""
