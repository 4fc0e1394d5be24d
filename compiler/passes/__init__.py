"""Rewrites of graphs: each pass is a pure function from graph to graph."""
