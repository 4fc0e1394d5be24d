"""TensorFlow 1's graphs and sessions.

Layer: frontend. A program builds a `Graph` of `Operation`s; a `Session` runs what its fetches need.

- state.py: what is default on this thread: graph, session; whether ops are built or run.
- dimensions.py, graph.py, symbolic.py: shapes with `Dimension`s, graphs and ops, tensors.
- bodies.py, infer.py: how an op is computed, and what it gives: dtypes and shapes.
- build.py, operators.py: public functions that make ops of a graph.
- variables.py: variables, whose values are kept by sessions.
- plan.py, program.py, session.py: from fetches to native programs.
"""
