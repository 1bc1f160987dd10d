//! Carries out a plan: folds in parallel; pure.
