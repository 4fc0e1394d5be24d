"""The runtime of GPUs. Numba CUDA, an optional package, is touched in `compiling` alone."""
