//! The decision about one packet.
//!
//! Owns the order of the gates (fact 15) and what is tracked when a packet has passed them all. Refuses to know bytes,
//! caches and devices.
//!
//! ```text
//!   from --> checks of the sender --> [services of the link] --> egress rules --> egress ACL --> route
//!   to   <------------------- ingress rules <-- destination check <-- ingress ACL <--------------+
//! ```
//! A rule is only asked when the interface does not track the packet's connection. ACLs and routes are asked for every
//! packet that comes here (facts 17, 28).

mod crossing;
mod plan;
mod service;
mod source;
mod tracking;

use vpc_model::Port;

use crate::flows::{Flows, Tuple, Way};
use crate::packet::{Fragment, Packet, TcpFlags, Transport};
use crate::reason::DropReason;
use crate::snapshot::{Network, Snapshot};
use crate::time::Millis;
use crate::verdict::{Delivery, Rewrite, Verdict};
use crossing::Crossing;
use tracking::{Gate, Gates};

/// Decides one packet that came in by a port, and tracks its connection.
///
/// What is dropped changes nothing. What is delivered and belongs to a known connection keeps it alive, so a packet that
/// a cache has let pass must not be given here too.
pub fn forward(snapshot: &Snapshot, flows: &mut Flows, from: Port, packet: &Packet, now: Millis) -> Verdict {
    let network = snapshot.network();
    let Some(fragment) = packet.fragment else {
        return decide(network, flows, from, packet, now).map_or_else(Verdict::Drop, Verdict::Deliver);
    };
    match forward_fragment(network, flows, from, packet, fragment, now) {
        // Later fragments have no ports that a cache could look at.
        Ok(delivery) => Verdict::Deliver(Delivery { cache: None, ..delivery }),
        Err(reason) => Verdict::Drop(reason),
    }
}

/// Decides a fragment: the first by its own headers, a later one by those of the first.
fn forward_fragment(
    network: &Network,
    flows: &mut Flows,
    from: Port,
    packet: &Packet,
    fragment: Fragment,
    now: Millis,
) -> Result<Delivery, DropReason> {
    if !matches!(packet.transport, Transport::Continuation) {
        let delivery = decide(network, flows, from, packet, now)?;
        flows.fragments.remember(from, packet, fragment.id, now);
        return Ok(delivery);
    }
    let transport = flows.fragments.transport(from, packet, fragment.id, now);
    let transport = match transport.ok_or(DropReason::FragmentWithoutFirst)? {
        // The flags were taken into account with the first fragment.
        Transport::Tcp { source, destination, .. } => {
            Transport::Tcp { source, destination, flags: TcpFlags::ACK }
        }
        other => other,
    };
    decide(network, flows, from, &Packet { transport, ..*packet }, now)
}

fn decide(
    network: &Network,
    flows: &mut Flows,
    from: Port,
    packet: &Packet,
    now: Millis,
) -> Result<Delivery, DropReason> {
    let tuple = Tuple::of(packet);
    if from == Port::SERVICES {
        return service::answer(network, flows, packet, &tuple, now);
    }
    let sender = network.at(from).ok_or(DropReason::UnknownPort { port: from })?;
    source::check(sender, packet)?;
    let subnet = network
        .subnet_of(sender)
        .filter(|subnet| subnet.vpc_number == Some(sender.vpc))
        .ok_or_else(|| DropReason::Missing { object: sender.interface.subnet.into() })?;
    source::check_destination(subnet, packet)?;
    if let Some(service) = service::asked(subnet, packet.destination)? {
        return service::ask(network, flows, (sender, subnet), service, packet, &tuple, now);
    }
    source::check_source(network, sender, packet.source)?;
    let crossing = Crossing {
        network,
        sender,
        subnet,
        source: packet.source,
        destination: packet.destination,
        tuple,
        likely: None,
    };
    cross(&crossing, flows, packet, now)
}

/// Takes a packet from one interface to another.
fn cross(
    crossing: &Crossing<'_>,
    flows: &mut Flows,
    packet: &Packet,
    now: Millis,
) -> Result<Delivery, DropReason> {
    let sender = crossing.sender;
    // Whether there is a route is reported only after the gates of the sender.
    let hop = crossing.next_hop(packet.destination_mac);
    let sent = match tracking::known(flows, sender.port, Way::Out, packet, &crossing.tuple, now) {
        Some(gate) => gate,
        None => Gate::Passed { track: crossing.egress_rules(hop.as_ref().ok())? },
    };
    crossing.egress_acl(hop.as_ref().ok())?;
    let hop = hop?;
    let receiver = hop.receiver;
    let receiver_subnet = crossing.ingress_acl(&hop)?;
    crossing.destination_check(&hop)?;
    let received = match tracking::known(flows, receiver.port, Way::In, packet, &crossing.tuple, now) {
        Some(gate) => gate,
        None => Gate::Passed { track: crossing.ingress_rules(&hop)? },
    };
    let gates = Gates { sent, received };
    let flow = tracking::track(flows, sender, receiver, gates, packet, &crossing.tuple, now)?;
    let rewrite = Rewrite {
        source_mac: if sender.subnet == receiver.subnet {
            packet.source_mac
        } else {
            receiver_subnet.router_mac
        },
        destination_mac: receiver.mac,
        source: None,
        destination: None,
    };
    let cache = if tracking::lasts(gates, packet, &crossing.tuple) {
        plan::plan(crossing, gates, &hop, receiver_subnet, packet, rewrite)
    } else {
        None
    };
    Ok(Delivery { to: receiver.port, rewrite, flow, cache })
}
