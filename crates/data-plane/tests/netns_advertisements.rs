//! Router advertisements that guests have not asked for.
#![allow(clippy::unwrap_used)]

mod lab;

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use data_plane::{Config, DataPlane};
use lab::*;
use socket2::{Domain, Protocol, Socket, Type};
use vpc_model::{Delta, Object, Subnet};

/// How many router advertisements a guest gets until there are `enough` or the time is over.
fn advertisements(guest: &Guest, enough: usize, within: Duration) -> usize {
    const ROUTER_ADVERTISEMENT: u8 = 134;
    let socket =
        guest.namespace.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)).unwrap());
    let mut socket = socket.unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let (until, mut count) = (Instant::now() + within, 0);
    while count < enough && Instant::now() < until {
        let mut message = [0; 256];
        match socket.read(&mut message) {
            Ok(length) => {
                count += usize::from(message[..length].first() == Some(&ROUTER_ADVERTISEMENT));
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{error}");
            }
        }
    }
    count
}

#[test]
fn the_router_is_announced_again_and_again() {
    in_both_modes(|mut lab| {
        lab.plane = None;
        let config = Config { advertising: Duration::from_millis(100), ..config(lab.dir.path(), lab.choice) };
        lab.plane = Some(DataPlane::start(&config).unwrap());
        let [one, two] = pair(&lab, &[], &[]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        // More than a guest can have asked for: the kernel solicits three times at most.
        assert_eq!(advertisements(&one, 8, PATIENCE), 8);
        assert!(advertisements(&two, 1, PATIENCE) == 1, "everybody hears it");
        lab.finish();
    });
}

#[test]
fn a_subnet_that_gets_ipv6_tells_its_guests() {
    in_both_modes(|lab| {
        let [one, _] = pair(&lab, &[], &[]);
        let Delta::Put(Object::Subnet(with)) = subnet(1, 1, "10.0.1.0/24") else { unreachable!("a subnet") };
        let without = Subnet { ipv6_cidr: None, ..with.clone() };
        lab.plane().apply(&[without.into()]);
        let one = lab.guest(&one, 24);
        // The kernel asks three times, four seconds apart, and is not answered; the next second is its last try's.
        assert_eq!(advertisements(&one, 1, SILENCE), 0, "there is no IPv6 to announce");
        let listening = std::thread::scope(|scope| {
            let listening = scope.spawn(|| advertisements(&one, 1, SILENCE * 2));
            std::thread::sleep(SILENCE / 3);
            lab.plane().apply(&[with.into()]);
            listening.join().unwrap()
        });
        assert_eq!(listening, 1, "before the guest asks again");
        lab.finish();
    });
}
