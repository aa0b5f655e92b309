//! Linux network plumbing: namespaces, veth pairs, packet sockets.
