//! What a step, a model, a splitter and a metric is.
