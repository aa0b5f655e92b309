//! Rows of what is sent and what becomes of it, and the one function that plays them.

use crate::{Packet, router_mac};

use super::{World, error_about};

/// One thing that happens in a row.
pub enum Step {
    /// From an interface, to an address, what, and what becomes of it: the receiver's name or the reason's.
    Send(&'static str, &'static str, &'static str, &'static str),
    /// The same with something unusual about the packet.
    SendOdd(&'static str, &'static str, &'static str, fn(&World, &mut Packet), &'static str),
    /// An ICMP error about a packet like that, sent by its receiver (the third name), with type and code.
    Error(&'static str, &'static str, &'static str, (&'static str, u8, u8), &'static str),
    /// A change.
    Change(fn(&mut World)),
    /// So many seconds.
    Wait(u64),
}

pub use Step::{Change, Error, Send, SendOdd, Wait};

pub const EVERYTHING: [&str; 4] = ["in all 0.0.0.0/0", "out all 0.0.0.0/0", "in all ::/0", "out all ::/0"];

/// Two VPCs with the same addresses. `a`, `a2` and `m` are in subnet A, `b` and `b2` in B, `w` in the other VPC.
pub fn usual() -> World {
    let mut world = World::new();
    world.group("open", &EVERYTHING);
    world.group("out", &["out all 0.0.0.0/0", "out all ::/0"]);
    world.group("tight", &[]);
    world.interface("a", &["10.0.0.10", "2600:1f00::10"], &["open"]);
    world.interface("a2", &["10.0.0.11", "2600:1f00::11"], &["open"]);
    world.interface("b", &["10.0.1.20", "2600:1f00:0:1::20"], &["open"]);
    world.interface("b2", &["10.0.1.21", "10.0.1.121"], &["open"]);
    world.interface("m", &["10.0.0.50"], &["open"]);
    world.interface("w", &["10.0.0.10"], &["open"]);
    world
}

pub fn check(fact: &str, setup: fn(&mut World), steps: &[Step]) {
    let mut world = usual();
    setup(&mut world);
    for (index, step) in steps.iter().enumerate() {
        let (from, packet, expected) = match *step {
            Send(from, to, spec, expected) => (from, world.packet(from, to, spec), expected),
            SendOdd(from, to, spec, change, expected) => {
                let mut packet = world.packet(from, to, spec);
                change(&world, &mut packet);
                (from, packet, expected)
            }
            Error(from, to, spec, (receiver, kind, code), expected) => {
                let packet = world.packet(from, to, spec);
                let mac = world.interfaces[receiver].mac;
                let mut error = error_about(&packet, mac, kind, code);
                let subnet_of = |name: &str| world.interfaces[name].subnet;
                if subnet_of(receiver) != subnet_of(from) {
                    error.destination_mac = router_mac(subnet_of(receiver));
                }
                (receiver, error, expected)
            }
            Change(change) => {
                change(&mut world);
                continue;
            }
            Wait(secs) => {
                world.wait(secs);
                continue;
            }
        };
        let outcome = world.outcome(from, &packet);
        assert_eq!(outcome, expected, "fact {fact}, step {index}: {packet:?}");
    }
}

pub fn as_is(_: &mut World) {}
