"""The benchmark suite: `python -m benchmarks`, started in the checkout.

Every workload is a plain NumPy function; `tensorwright.jit` compiles the very same source. This
package's root imports nothing, because `__main__` sets the number of threads in the environment
before NumPy is loaded.
"""
