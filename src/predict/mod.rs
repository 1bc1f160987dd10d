//! Batch prediction with a published model.
