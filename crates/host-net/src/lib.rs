//! Linux network plumbing: namespaces, veth pairs, addresses, TC programs and packet sockets, through netlink and system
//! calls alone; nothing here runs `ip` or `tc`.
//!
//! Everything is synchronous and says in its error what failed on which device or file. Creation is idempotent and what
//! exists can be listed, so that a caller can observe, plan and apply. Knows no VPC, port or rule: a device is an index and a
//! name, a frame is bytes.

mod capture;
mod inject;
mod link;
mod namespace;
mod netlink;
mod packet;
mod route;
mod socket;
mod traffic_control;

pub use capture::{CaptureSocket, Passed};
pub use inject::{RawPacket, reserve_port, send_raw};
pub use link::{Link, VethPeer, VethSpec};
pub use namespace::{NamespaceError, NetworkNamespace};
pub use netlink::{Netlink, NetlinkError};
pub use packet::{EtherType, FRAME_SLOT_BYTES, FrameBatch, PacketSocket, Transmission, VirtioNetHeader};
pub use route::InstalledRoute;
pub use socket::{tcp_listener, udp_socket};
pub use traffic_control::IngressProgram;
