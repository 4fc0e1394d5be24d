"""Code for NVIDIA GPUs: the kernel form as source text of Numba CUDA kernels."""
