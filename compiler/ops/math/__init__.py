"""Elementary functions in terms of the scalar instructions, so that they fuse into kernels.

Layer: compiler/ops. Each function takes a ScalarBuilder and Scalars and gives a Scalar.
"""
