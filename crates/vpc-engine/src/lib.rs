//! The pure network engine: one function from a packet to a verdict with a reason.
//!
//! Owns the compiled [`Snapshot`] of a network's intent, connection tracking ([`Flows`]), and [`forward`], which decides
//! one packet; [`handle_frame`] does the same for raw Ethernet frames and answers ARP, neighbour discovery and DHCP.
//! Refuses to know sockets, devices, eBPF layouts, clocks and randomness: time and seeds come in as arguments, so that
//! the same inputs always give the same answers.
//!
//! Architecture invariants: nothing is keyed by a bare IP address, so overlapping CIDRs in different VPCs always work;
//! no rule, route or interface is searched for linearly on the path of a packet; a cached decision is never needed to
//! be right, only to be fast.

mod compile;
pub mod flows;
mod forward;
pub mod frame;
mod packet;
pub mod reach;
mod reason;
pub mod services;
mod snapshot;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod time;
mod verdict;

pub use flows::{Activity, FlowDirection, FlowEvent, FlowId, FlowKey, FlowOptions, FlowRecord, Flows};
pub use forward::{ServicePeer, forward};
pub use frame::handle_frame;
pub use packet::{Endpoint, Fragment, Inner, InnerTransport, Packet, TcpFlags, Transport};
pub use reason::DropReason;
pub use snapshot::{Applied, Domain, Snapshot, StalePorts, router_mac};
pub use time::Millis;
pub use verdict::{
    CacheEntry, CacheKey, CachePlan, Delivery, Domains, FrameAction, Leg, Legs, Quoted, Rewrite, Verdict,
};
