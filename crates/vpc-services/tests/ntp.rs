//! The time service: bytes in, bytes out, and over sockets of both families.

#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use proptest::prelude::*;
use vpc_services::ntp::answer;
use vpc_services::{LINK_LOCAL_PACKETS_PER_SEC, LinkLocalBudget, NtpServer};

/// 2026-02-03 04:05:06.5 UTC, and its seconds since 1900.
const NOW_UNIX_MILLIS: u64 = 1_770_091_506_500;
const NOW_NTP_SECS: u32 = 3_979_080_306;

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(NOW_UNIX_MILLIS)
}

/// A query as a client writes it: all zero but its first byte and the transmit timestamp.
fn query(first: u8) -> [u8; 48] {
    let mut packet = [0; 48];
    packet[0] = first;
    packet[2] = 6;
    packet[40..].copy_from_slice(b"anything");
    packet
}

#[test]
fn an_answer_by_the_byte() {
    let mut expected = Vec::new();
    // Leap 0, version 4, mode 4; stratum 3; the poll interval of the query; a microsecond.
    expected.extend([0b00_100_100, 3, 6, 0xec]);
    // No delay to the reference, a millisecond of dispersion, the local clock.
    expected.extend([0, 0, 0, 0, 0, 0, 0, 0x42, 127, 127, 1, 1]);
    // Set when the second began.
    expected.extend(NOW_NTP_SECS.to_be_bytes());
    expected.extend([0; 4]);
    expected.extend(b"anything");
    for _ in ["received", "sent"] {
        expected.extend(NOW_NTP_SECS.to_be_bytes());
        expected.extend(0x8000_0000_u32.to_be_bytes());
    }
    assert_eq!(answer(&query(0b11_100_011), now()).unwrap().as_slice(), expected);
}

#[test]
fn only_queries_of_clients_are_answered() {
    for first in 0..=u8::MAX {
        let (version, mode) = (first >> 3 & 7, first & 7);
        let reply = answer(&query(first), now());
        assert_eq!(reply.is_some(), mode == 3 && (1..=4).contains(&version), "{first:#010b}");
        if let Some(reply) = reply {
            assert_eq!(reply[0], version << 3 | 4, "the version of the query, and no leap");
        }
    }
    let long = [query(0x23).as_slice(), &[7; 20]].concat();
    assert!(answer(&long, now()).is_some(), "a signature is passed over");
    assert!(answer(&long[..47], now()).is_none(), "too short");
    assert!(answer(&long[..50], now()).is_none(), "what follows is no word");
    assert!(answer(&[], now()).is_none());
}

#[test]
fn seconds_go_on_after_2036() {
    // 2036-02-07 06:28:16 UTC is the first second of the next era.
    let reply = answer(&query(0x23), UNIX_EPOCH + Duration::from_secs(2_085_978_496 + 5)).unwrap();
    assert_eq!(reply[40..], [0, 0, 0, 5, 0, 0, 0, 0]);
    let before_1970 = UNIX_EPOCH - Duration::from_secs(1);
    assert_eq!(answer(&query(0x23), before_1970).unwrap()[40..44], 2_208_988_800_u32.to_be_bytes());
}

proptest! {
    #[test]
    fn no_bytes_are_answered_by_more_than_was_asked(
        packet in prop::collection::vec(any::<u8>(), 0..200),
        millis in any::<u32>(),
    ) {
        let now = UNIX_EPOCH + Duration::from_millis(u64::from(millis) * 4000);
        if let Some(reply) = answer(&packet, now) {
            prop_assert!(packet.len() >= reply.len());
            prop_assert_eq!(answer(&reply, now), None, "two servers would answer each other for ever");
            prop_assert_eq!(&reply[24..32], &packet[40..48]);
        }
    }
}

/// The host's clock, in seconds since 1900.
fn host_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 2_208_988_800
}

fn start(addresses: &[&str]) -> (Vec<UdpSocket>, tokio::runtime::Runtime) {
    let sockets: Vec<_> = addresses.iter().map(|address| UdpSocket::bind((*address, 0)).unwrap()).collect();
    let clients = sockets.iter().zip(addresses).map(|(socket, address)| {
        let client = UdpSocket::bind((*address, 0)).unwrap();
        client.connect(socket.local_addr().unwrap()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        client
    });
    let clients = clients.collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.spawn(NtpServer::new(Arc::new(LinkLocalBudget::new())).serve(sockets));
    (clients, runtime)
}

#[test]
fn the_time_is_the_hosts_over_both_families() {
    let (clients, _runtime) = start(&["127.0.0.1", "::1"]);
    for client in clients {
        let before = host_secs();
        // What is no query gets nothing, and what comes after it does.
        client.send(b"what time is it?").unwrap();
        client.send(&query(0x23)).unwrap();
        let mut reply = [0; 100];
        assert_eq!(client.recv(&mut reply).unwrap(), 48);
        let sent = u64::from(u32::from_be_bytes(reply[40..44].try_into().unwrap()));
        assert!((before..=host_secs()).contains(&sent), "{sent}");
        assert_eq!(&reply[24..32], b"anything");
    }
}

#[test]
fn fact_62_queries_count_against_the_limit_of_the_interface() {
    let (clients, _runtime) = start(&["127.0.0.1"]);
    let client = &clients[0];
    let mut answered = 0;
    // Asked one by one, so that nothing is lost on the way: the first query that gets no answer is above the limit.
    client.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let started = std::time::Instant::now();
    while answered < 100 * LINK_LOCAL_PACKETS_PER_SEC {
        client.send(&query(0x23)).unwrap();
        match client.recv(&mut [0; 48]) {
            Ok(_) => answered += 1,
            Err(_) => break,
        }
    }
    let seconds_touched = started.elapsed().as_secs() as u32 + 1;
    assert!(answered >= LINK_LOCAL_PACKETS_PER_SEC, "{answered}");
    assert!(answered <= seconds_touched * LINK_LOCAL_PACKETS_PER_SEC, "{answered} in {seconds_touched} s");
}
