"""From plain NumPy functions to graphs: tracing, and the `jit` that compiles what it traced."""
