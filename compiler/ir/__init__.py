"""The graph IR: types, values, nodes, graphs; text form, parser and verifier."""
