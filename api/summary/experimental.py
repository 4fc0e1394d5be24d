"""`tf.summary.experimental`: the default step, and summaries made elsewhere."""

from ..frontend.tf.summaries.eager import get_step, set_step, summary_scope, write_raw_pb

__all__ = ["get_step", "set_step", "summary_scope", "write_raw_pb"]
