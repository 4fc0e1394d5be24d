"""From graphs to loops: grouping of nodes, the kernel form, buffers."""
