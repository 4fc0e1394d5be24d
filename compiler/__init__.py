"""From graphs to programs: IR, ops, passes, kernels, code."""
