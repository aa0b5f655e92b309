//! DNS and instance metadata, answered per interface.
