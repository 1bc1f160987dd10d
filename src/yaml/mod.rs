//! Text to a tree of nodes with spans.
