//! The slow path: upcalls in, verdicts from the engine, cached flows and frames out.
