"""What programs write for TensorBoard: event files with scalars, histograms, images, texts, graphs.

Layer: frontend. `values` turns arrays into summaries, `records` frames them, `writer` and `eager`
write files; `graph` has the ops of TensorFlow 1.
"""
