//! Loads, attaches, fills and adopts the flow cache.
