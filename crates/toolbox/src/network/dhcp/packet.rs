//! UDP over IPv4 on an interface that has no address yet: by a packet socket, with the headers made here.
#![allow(unsafe_code)]

use std::io;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::Instant;

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

const IPV4_HEADER_BYTES: usize = 20;
const UDP_HEADER_BYTES: usize = 8;
const UDP: u8 = 17;

/// A socket that sees the IPv4 packets of one interface.
#[derive(Debug)]
pub(super) struct PacketSocket {
    socket: Socket,
    index: u32,
}

impl PacketSocket {
    pub(super) fn open(index: u32) -> io::Result<Self> {
        let protocol = i32::from((libc::ETH_P_IP as u16).to_be());
        let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(Protocol::from(protocol)))?;
        socket.bind(&link_address(index, [0; 6]))?;
        Ok(Self { socket, index })
    }

    /// Sends a datagram to all on the link.
    pub(super) fn broadcast(&self, from: SocketAddrV4, to_port: u16, payload: &[u8]) -> io::Result<()> {
        let packet = datagram(from, SocketAddrV4::new(Ipv4Addr::BROADCAST, to_port), payload);
        self.socket.send_to(&packet, &link_address(self.index, [0xff; 6])).map(drop)
    }

    /// Waits for a datagram to a port, and gives what it carries. `None`: not in time.
    pub(super) fn receive(&self, port: u16, deadline: Instant) -> io::Result<Option<Vec<u8>>> {
        let mut buffer = vec![MaybeUninit::<u8>::uninit(); 2048];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket.set_read_timeout(Some(left))?;
            let count = match self.socket.recv(&mut buffer) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            // SAFETY: recv has written the first `count` bytes.
            let packet = unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), count) };
            if let Some(payload) = payload_for(packet, port) {
                return Ok(Some(payload.to_vec()));
            }
        }
    }
}

fn link_address(index: u32, mac: [u8; 6]) -> SockAddr {
    let fill = |storage: *mut socket2::SockAddrStorage, length: *mut libc::socklen_t| {
        let address = storage.cast::<libc::sockaddr_ll>();
        // SAFETY: the storage is zeroed, aligned and large enough for every kind of socket address.
        unsafe {
            (*address).sll_family = libc::AF_PACKET as u16;
            (*address).sll_protocol = (libc::ETH_P_IP as u16).to_be();
            (*address).sll_ifindex = index as i32;
            (*address).sll_halen = 6;
            (&mut (*address).sll_addr)[..6].copy_from_slice(&mac);
            *length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
        }
        Ok(())
    };
    // SAFETY: `fill` has written a whole address and its length.
    let (_, address) = unsafe { SockAddr::try_init(fill) }.expect("filling cannot fail");
    address
}

/// An IPv4 packet with one UDP datagram. A checksum of zero means none, for UDP over IPv4 (RFC 768).
fn datagram(from: SocketAddrV4, to: SocketAddrV4, payload: &[u8]) -> Vec<u8> {
    let udp_bytes = UDP_HEADER_BYTES + payload.len();
    let mut packet = Vec::with_capacity(IPV4_HEADER_BYTES + udp_bytes);
    packet.extend([0x45, 0x10]);
    packet.extend(((IPV4_HEADER_BYTES + udp_bytes) as u16).to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, UDP, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    let checksum = internet_checksum(&packet);
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend((udp_bytes as u16).to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(payload);
    packet
}

fn internet_checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = bytes
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)])))
        .sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// What a packet carries, if it is a whole UDP datagram to the port. Checksums are not looked at: a sender on the same
/// host leaves them to hardware that is not there.
fn payload_for(packet: &[u8], port: u16) -> Option<&[u8]> {
    let first = *packet.first()?;
    let header_bytes = usize::from(first & 0x0f) * 4;
    let fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x3fff;
    if first >> 4 != 4 || header_bytes < IPV4_HEADER_BYTES || *packet.get(9)? != UDP || fragment != 0 {
        return None;
    }
    let udp = packet.get(header_bytes..)?;
    let to_port = u16::from_be_bytes([*udp.get(2)?, *udp.get(3)?]);
    let length = usize::from(u16::from_be_bytes([*udp.get(4)?, *udp.get(5)?]));
    if to_port != port { None } else { udp.get(UDP_HEADER_BYTES..length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_read_back_and_a_cut_one_is_not() {
        let from = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
        let to = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
        let packet = datagram(from, to, b"hello");
        assert_eq!(internet_checksum(&packet[..20]), 0);
        assert_eq!(payload_for(&packet, 67), Some(&b"hello"[..]));
        assert_eq!(payload_for(&packet, 68), None);
        for length in 0..packet.len() {
            assert_eq!(payload_for(&packet[..length], 67), None, "cut to {length}");
        }
    }
}
