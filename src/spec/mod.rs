//! What was written: the typed pipeline file, with spans; knows no component.
