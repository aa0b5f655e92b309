//! Instances as sandboxes on the host's own userland.
