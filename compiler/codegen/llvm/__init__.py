"""The CPU backend: kernels as LLVM vector code, and the entry that Python calls."""
