//! What a capture at an interface's host end sees: all of it, both ways, while the interface is observed; and the guest sees
//! nothing of that.
#![allow(clippy::unwrap_used)]

mod lab;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use data_plane::{Mode, capture_point};
use host_net::{CaptureSocket, NetworkNamespace};
use lab::*;
use vpc_model::Port;

const WORDS: usize = 40;

/// A capture at a port, which ends when it is read.
fn capture(lab: &Lab, port: Port) -> CaptureSocket {
    let (namespace, device) = capture_point(lab.dir.path(), port);
    CaptureSocket::open(&NetworkNamespace::open(&namespace).unwrap(), device).unwrap()
}

/// TCP segments with a word in them that were seen from and to an address.
fn words(socket: &CaptureSocket, address: IpAddr) -> [usize; 2] {
    let (mut from, mut to) = (0, 0);
    let mut frame = vec![0; 1 << 16];
    let IpAddr::V4(address) = address else { panic!("{address}") };
    while let Some(passed) = socket.next(&mut frame, Duration::from_millis(200)).unwrap() {
        let bytes = &frame[..passed.length];
        assert_eq!(passed.length, passed.original_length);
        assert!(passed.at.as_secs() > 1_700_000_000, "{passed:?}");
        if bytes.len() < 34 || bytes[12..14] != [8, 0] || !bytes.ends_with(b"word") {
            continue;
        }
        let is_from = bytes[26..30] == address.octets();
        assert_eq!(passed.is_outgoing, !is_from, "what is for the guest is sent to it");
        from += usize::from(is_from);
        to += usize::from(bytes[30..34] == address.octets());
    }
    [from, to]
}

#[test]
fn an_observed_interface_shows_every_packet_both_ways() {
    in_both_modes(|lab| {
        let interfaces = pair(&lab, &[out()], &[tcp_in(80, "0.0.0.0/0")]);
        let (one, two) = (lab.guest(&interfaces[0], 24), lab.guest(&interfaces[1], 24));
        let listener = two.listen(80);
        let mut client = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut server, _) = accept(&listener);
        let mut talk = || {
            for _ in 0..WORDS {
                assert!(
                    passes(&mut client, &mut server, PATIENCE) && passes(&mut server, &mut client, PATIENCE)
                );
            }
        };
        talk();
        // The experiment: what is seen without further ado. The cache hands frames to the guest past its host end, and the
        // slow path goes past everybody who captures.
        let socket = capture(&lab, port(1));
        talk();
        let [from, to] = words(&socket, one.address);
        eprintln!("unobserved: {from} from the guest and {to} to it, of {WORDS} each");
        assert_eq!(from, WORDS, "what a guest sends is seen in any case");
        assert!(to < WORDS, "otherwise there is no need to observe");

        lab.plane().set_observed(BTreeSet::from([port(1)])).unwrap();
        let socket = capture(&lab, port(1));
        talk();
        assert_eq!(words(&socket, one.address), [WORDS, WORDS], "a connection that was there before");
        let decided = lab.plane().counters().frames_decided;
        let mut second = one.connect((two.address, 80), PATIENCE).unwrap();
        let (mut end, _) = accept(&listener);
        for _ in 0..WORDS {
            assert!(passes(&mut second, &mut end, PATIENCE) && passes(&mut end, &mut second, PATIENCE));
        }
        assert_eq!(words(&socket, one.address), [WORDS, WORDS], "one that is new");
        let decided = lab.plane().counters().frames_decided - decided;
        if lab.plane().mode() == Mode::FlowCache {
            assert!(decided < 20, "{decided} frames came to the slow path: the cache still carries the rest");
        }
        let sockets = one.namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/packet").unwrap());
        assert_eq!(sockets.unwrap().lines().count(), 1, "a guest sees nobody who captures");

        // Afterwards it is as before.
        lab.plane().set_observed(BTreeSet::new()).unwrap();
        drop(socket);
        talk();
        let socket = capture(&lab, port(1));
        talk();
        let [from, to] = words(&socket, one.address);
        assert!(from == WORDS && to < WORDS, "{from} {to}");
        lab.finish();
    });
}
