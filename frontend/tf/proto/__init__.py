"""Messages of TensorFlow's file formats: events, summaries, graph definitions.

Layer: frontend. Protocol Buffers' format written from its description; nothing else of it is
needed. `wire` has numbers and lengths, `fields` the kinds of fields, `message` the base class,
`text` the printed form; `events` and `graphs` declare the messages.
"""
