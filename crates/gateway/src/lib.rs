//! The signed HTTP front: routes, authenticates, decodes, calls a service, encodes.
