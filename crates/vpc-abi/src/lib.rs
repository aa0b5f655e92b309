//! Memory layouts shared by the engine, the loader and the eBPF program. No logic.
//!
//! Every type here has a twin in `ebpf/flow_cache.h`; both sides assert the same sizes and offsets, so that a change to
//! one without the other does not build. Fields are in host byte order unless the name or the comment says otherwise.
//! Refuses to know what a flow is for: an entry says what to do to a frame, never why.
#![no_std]

use core::mem::{offset_of, size_of};

use zerocopy::{ByteEq, ByteHash, FromBytes, Immutable, IntoBytes, KnownLayout};

/// Added to a port's number to get the interface index of its host end in the fabric namespace.
///
/// Index 1 is the loopback device and a few more are left for what a kernel creates in every namespace (`tunl0`, `sit0`
/// and their like), so that a port's index never collides with one of those.
pub const PORT_IFINDEX_BASE: u32 = 64;

/// Ports from this number on have no epoch slot; their flows are carried by the slow path alone.
pub const PORT_LIMIT: u32 = 1 << 17;

/// Numbers of domains: what decisions about packets that pass gateways depend on beside their ports.
pub const DOMAIN_LIMIT: u32 = 1 << 12;

/// Slots of the epoch map: those of ports, then those of domains.
pub const EPOCH_SLOTS: u32 = PORT_LIMIT + DOMAIN_LIMIT;

/// Entries of the flow map; each direction of a connection is one.
pub const FLOW_ENTRIES_LIMIT: u32 = 1 << 18;

/// Entries of the admission map; each is one service as one sender sees it.
pub const ADMISSION_LIMIT: u32 = 1 << 16;

/// Entries of the translation map; each is a TCP connection that a NAT gateway translates.
pub const TRANSLATION_LIMIT: u32 = 1 << 18;

/// The value in the translation map of what the program has taken for a connection that it lets in.
pub const TAKEN_BY_PROGRAM: u8 = 1;
/// The same of what the slow path has noted, which the program never gives back.
pub const TAKEN_BY_SLOW_PATH: u8 = 2;

/// Bytes of the ring in which the program reports SYN, FIN and RST.
pub const EVENT_RING_BYTES: u32 = 1 << 19;

/// Bytes waiting in the ring from which on the program wakes whoever listens.
pub const EVENT_WAKEUP_BYTES: u32 = 1 << 15;

/// The most connections that the program can have admitted without the slow path knowing: an event in the ring has a
/// header of eight bytes (`BPF_RINGBUF_HDR_SZ`, linux/bpf.h).
pub const UNHEARD_ADMISSIONS_MAX: u32 = EVENT_RING_BYTES / (size_of::<TcpEvent>() as u32 + 8);

/// [`FlowKey::family`] of an IPv4 flow; the address is in the first four bytes, the rest is zero.
pub const FAMILY_IPV4: u8 = 4;
/// [`FlowKey::family`] of an IPv6 flow.
pub const FAMILY_IPV6: u8 = 6;

/// [`FlowEntry::actions`]: replace source and destination address.
pub const ACTION_ADDRESSES: u32 = 1 << 0;
/// [`FlowEntry::actions`]: replace source and destination port (of ICMP echo: the identifier).
pub const ACTION_PORTS: u32 = 1 << 1;
/// [`FlowEntry::actions`]: replace both link addresses.
pub const ACTION_MACS: u32 = 1 << 2;
/// [`FlowEntry::actions`]: the egress device is one end of a veth pair, so hand the frame straight to its other end.
pub const ACTION_PEER: u32 = 1 << 3;

/// TCP flag bits as they stand in the header, for [`FlowEntry::tcp_flags`].
pub const TCP_FIN: u32 = 0x01;
/// See [`TCP_FIN`].
pub const TCP_SYN: u32 = 0x02;
/// See [`TCP_FIN`].
pub const TCP_RST: u32 = 0x04;
/// See [`TCP_FIN`].
pub const TCP_ACK: u32 = 0x10;

/// What identifies one direction of a flow: where it came in and its 5-tuple, as on the wire.
///
/// Compared and hashed as its bytes, at once rather than field by field.
#[derive(Clone, Copy, Debug, ByteEq, ByteHash, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FlowKey {
    /// Ingress port.
    pub port: u32,
    /// Source address, network order.
    pub source: [u8; 16],
    /// Destination address, network order.
    pub destination: [u8; 16],
    /// Source port, network order. Of ICMP echo: the identifier.
    pub source_port: [u8; 2],
    /// Destination port, network order. Of ICMP echo: the type, then the code.
    pub destination_port: [u8; 2],
    /// IP protocol number.
    pub protocol: u8,
    /// [`FAMILY_IPV4`] or [`FAMILY_IPV6`].
    pub family: u8,
    /// Zero.
    pub padding: [u8; 2],
}

/// What to do with every further packet of one direction of a flow, and what it has carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct FlowEntry {
    /// Packets forwarded from this entry; a segmented frame counts as what it becomes on a wire.
    pub packets: u64,
    /// IP bytes forwarded from this entry, counted the same way.
    pub bytes: u64,
    /// `CLOCK_MONOTONIC_COARSE` at the last packet, nanoseconds; 0 before the first.
    pub last_seen_ns: u64,
    /// [`ACTION_ADDRESSES`] and its siblings.
    pub actions: u32,
    /// TCP flags seen in this direction, ORed.
    pub tcp_flags: u32,
    /// Epoch of the ingress port that the decision was made at.
    pub ingress_epoch: u32,
    /// Epoch of the egress port that the decision was made at.
    pub egress_epoch: u32,
    /// Where the frames go.
    pub egress_port: u32,
    /// Largest IP packet to forward, bytes; larger ones go to the slow path.
    pub mtu_bytes: u32,
    /// New source address, network order.
    pub source: [u8; 16],
    /// New destination address, network order.
    pub destination: [u8; 16],
    /// New source port or ICMP identifier, network order.
    pub source_port: [u8; 2],
    /// New destination port, network order.
    pub destination_port: [u8; 2],
    /// Ones' complement sum of what the new addresses add to a checksum, in host order, unfolded.
    pub address_difference: u32,
    /// The same for ports.
    pub port_difference: u32,
    /// Destination and source MAC that the decision was made for; a frame with others goes to the slow path.
    pub match_macs: [u8; 12],
    /// New destination and source MAC.
    pub macs: [u8; 12],
    /// The epoch slot of the domain that the decision depends on; 0 for none.
    pub domain_slot: u32,
    /// Epoch of that domain when the decision was made.
    pub domain_epoch: u32,
    /// The largest segment that a TCP segment with SYN may announce, bytes of payload; 0 for any.
    pub segment_payload_max: u16,
    /// Zero.
    pub padding: [u8; 2],
}

/// How the program lets a new TCP connection in without asking: what was decided for one SYN, and for which other source
/// ports it holds. Its key is that of the SYN with source port 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Admission {
    /// The new connection's entry for what the opener sends.
    pub forward: FlowEntry,
    /// The new connection's entry for what the other side sends.
    pub reverse: FlowEntry,
    /// What the connection takes at a NAT gateway, with the source port left out: the port of the gateway's interface, and its
    /// address and destination as the far side sees them. Family 0 for none.
    pub translation: FlowKey,
    /// Least source port that it holds for, host order.
    pub first_source_port: u16,
    /// Greatest source port that it holds for, host order.
    pub last_source_port: u16,
}

/// A SYN, FIN or RST that the program forwarded, in the event ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct TcpEvent {
    /// The direction in which it was seen.
    pub key: FlowKey,
    /// Of a SYN: its flags. Otherwise those seen in that direction so far, ORed, this packet's included; never SYN.
    pub tcp_flags: u32,
    /// Of a SYN: bytes of its IP packet.
    pub length_bytes: u32,
    /// Of a SYN: its destination and source MAC.
    pub macs: [u8; 12],
}

const _: () = {
    assert!(size_of::<FlowKey>() == 44);
    assert!(offset_of!(FlowKey, destination) == 20);
    assert!(offset_of!(FlowKey, source_port) == 36);
    assert!(offset_of!(FlowKey, protocol) == 40);
    assert!(size_of::<FlowEntry>() == 128);
    assert!(offset_of!(FlowEntry, actions) == 24);
    assert!(offset_of!(FlowEntry, source) == 48);
    assert!(offset_of!(FlowEntry, address_difference) == 84);
    assert!(offset_of!(FlowEntry, match_macs) == 92);
    assert!(offset_of!(FlowEntry, macs) == 104);
    assert!(offset_of!(FlowEntry, domain_slot) == 116);
    assert!(offset_of!(FlowEntry, segment_payload_max) == 124);
    assert!(size_of::<Admission>() == 304);
    assert!(offset_of!(Admission, reverse) == 128);
    assert!(offset_of!(Admission, translation) == 256);
    assert!(offset_of!(Admission, first_source_port) == 300);
    assert!(size_of::<TcpEvent>() == 64);
    assert!(offset_of!(TcpEvent, macs) == 52);
};
