"""The peers: other compilers on the same workloads, each in a process of its own.

A peer that cannot be imported, does not know a workload's functions, crashes or takes too long
costs its own figure and nothing else. `client` is the suite's side, `worker` the peer's side;
`translate` and the modules beside it say how a workload is written for each of them.
"""

COMPILERS = ("numba", "numexpr", "jax", "torch", "tensorflow", "tensorflow-xla")
GRADIENTS = ("jax", "torch", "torch-eager", "tensorflow", "tensorflow-xla")
NAMES = (*COMPILERS, *(name for name in GRADIENTS if name not in COMPILERS))
