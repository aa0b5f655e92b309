//! The composition root: services, reconcilers, data plane and sandboxes as one cloud.
