"""`tf.image`: images of other sizes, and what is done with them.

Layer: frontend. Images are [height, width, channels], or [batch, height, width, channels].
"""
