"""All workloads and losses, in the order in which they are run and printed."""

from ..workload import Loss, Workload
from . import elementwise, learning, linear_algebra, losses, memory, particles, rows, stencils

WORKLOADS: tuple[Workload, ...] = (
    *elementwise.WORKLOADS,
    *rows.WORKLOADS,
    *memory.WORKLOADS,
    *stencils.WORKLOADS,
    *particles.WORKLOADS,
    *linear_algebra.WORKLOADS,
    *learning.WORKLOADS,
)

BY_NAME: dict[str, Workload] = {workload.name: workload for workload in WORKLOADS}

LOSSES: tuple[Loss, ...] = losses.LOSSES

LOSS_BY_NAME: dict[str, Loss] = {loss.name: loss for loss in LOSSES}
