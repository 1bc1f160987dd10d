//! The command line: the only place that prints, draws bars, catches signals or exits.
