//! The rows of the facts with real packets: what the engine says of each packet happens to its frame between network
//! namespaces, with the flow cache and with the slow path alone.
#![allow(clippy::unwrap_used)]

mod lab;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use aws_types::MacAddress;
use data_plane::PortSpec;
use host_net::{FrameBatch, NetworkNamespace};
use lab::wires::Wire;
use lab::{
    Guest, Lab, PATIENCE, SEED, SILENCE, group, in_both_modes, in_both_modes_at_once,
    in_both_modes_with_a_workstation, interface, pair, rule, subnet, subnet_id, vpc, wait_until,
};
use vpc_engine::frame::{TransportChecksum, apply_rewrite};
use vpc_engine::testing::facts::{connections, flows, gateways, routes};
use vpc_engine::testing::wires::{Wires, play};
use vpc_engine::testing::world;
use vpc_engine::{FrameAction, router_mac};
use vpc_model::{Delta, Direction, Object, ObjectId, Port, PortRange, Traffic};

/// What a device of the lab can carry: the packet and its Ethernet header.
const FRAME_BYTES_MAX: usize = 9001 + 14;

/// A data plane with a wire at every port that a row uses.
struct Real {
    lab: Lab,
    wires: Vec<Wire>,
    batch: FrameBatch,
    there: Vec<ObjectId>,
    /// How many frames were delivered, and how many of them by the cache.
    delivered: u64,
    carried: u64,
    dropped: u64,
}

impl Real {
    fn new(lab: Lab) -> Self {
        let wires = Wire::of_reserved_ports(&lab);
        let batch = FrameBatch::new(8);
        Self { lab, wires, batch, there: Vec::new(), delivered: 0, carried: 0, dropped: 0 }
    }

    fn plug(&mut self, port: Port) {
        if self.wires.iter().any(|wire| wire.port == port) {
            return;
        }
        let namespace = NetworkNamespace::create_unpinned().unwrap();
        namespace.set_parameter("ipv6/conf/default/disable_ipv6", "1").unwrap();
        let mac = MacAddress::local(1 << 33 | u64::from(port.number()));
        let guest_name = "eth0".to_owned();
        let spec = PortSpec { port, mac, mtu_bytes: 9001, namespace: &namespace, guest_name };
        self.lab.plane().attach(&spec).unwrap();
        self.wires.push(Wire::new(port, &namespace, "eth0"));
    }

    /// What has come out anywhere since the last look.
    fn look(&mut self) -> Vec<(Port, Vec<u8>)> {
        self.wires.iter().flat_map(|wire| wire.look(&mut self.batch)).collect()
    }

    fn drops(&self, from: Port, code: u16) -> u64 {
        let drops = self.lab.plane().drops();
        drops.iter().find(|drop| drop.port == from && drop.last.code() == code).map_or(0, |drop| drop.count)
    }

    fn decided(&self) -> u64 {
        self.lab.plane().counters().frames_decided
    }

    /// Waits until as many frames have come out at a port.
    fn await_at(&mut self, port: Port, count: usize) -> Vec<(Port, Vec<u8>)> {
        let until = Instant::now() + PATIENCE;
        let mut seen = Vec::new();
        loop {
            let wire = self.wires.iter().find(|wire| wire.port == port).expect("a port with a wire");
            seen.extend(wire.look(&mut self.batch));
            if seen.len() >= count {
                return seen;
            }
            if Instant::now() > until {
                let elsewhere = self.look();
                panic!(
                    "{count} at {port}, and not {seen:02x?}, {elsewhere:02x?}: {:?}",
                    self.lab.plane().drops()
                );
            }
            std::thread::yield_now();
        }
    }
}

impl Wires for Real {
    fn begin(&mut self) {
        // What points to others goes before them.
        let gone: Vec<Delta> = self.there.drain(..).rev().map(Delta::Remove).collect();
        self.lab.plane().apply(&gone);
        assert!(self.look().is_empty(), "something came out that was not expected");
    }

    fn apply(&mut self, deltas: &[Delta]) {
        for delta in deltas {
            let Delta::Put(object) = delta else { continue };
            if let Object::Interface(interface) = object {
                self.plug(interface.port);
            }
            if !self.there.contains(&object.id()) {
                self.there.push(object.id());
            }
        }
        self.lab.plane().apply(deltas);
    }

    fn send(&mut self, from: Port, frame: &[u8], action: &FrameAction) {
        if frame.len() > FRAME_BYTES_MAX {
            return;
        }
        let before = self.decided();
        let refused = match action {
            FrameAction::Drop(reason) | FrameAction::Refuse(reason, _) => {
                Some((reason, self.drops(from, reason.code())))
            }
            FrameAction::Forward(_) | FrameAction::Reply(_) => None,
        };
        self.wires.iter().find(|wire| wire.port == from).expect("a port with a wire").send(frame);
        match action {
            FrameAction::Forward(delivery) => {
                let length = frame.len() - 14;
                let pieces = length.div_ceil(usize::from(delivery.mtu_bytes)).max(1);
                let seen = self.await_at(delivery.to, pieces);
                if pieces == 1 {
                    let mut expected = frame.to_vec();
                    apply_rewrite(&mut expected, &delivery.rewrite, TransportChecksum::Complete).unwrap();
                    assert_eq!(seen, [(delivery.to, expected)]);
                }
                self.delivered += 1;
            }
            FrameAction::Reply(answer) => assert_eq!(self.await_at(from, 1), [(from, answer.clone())]),
            FrameAction::Refuse(_, answer) => assert_eq!(self.await_at(from, 1), [(from, answer.clone())]),
            FrameAction::Drop(_) => {}
        }
        if let Some((reason, counted)) = refused {
            wait_until("the drop is counted", || self.drops(from, reason.code()) == counted + 1);
            assert!(self.look().is_empty(), "{reason}, and it came out somewhere");
            self.dropped += 1;
        }
        // What the cache has carried is to be known before the next change.
        if self.decided() == before {
            self.carried += 1;
            self.lab.plane().catch_up();
        }
    }

    fn end(mut self: Box<Self>) {
        self.begin();
        eprintln!("{} delivered ({} by the cache), {} dropped", self.delivered, self.carried, self.dropped);
        assert!(self.delivered > 0 && self.dropped > 0);
        let Self { lab, wires, .. } = *self;
        drop(wires);
        lab.finish();
    }
}

fn play_in_both_modes(rows: &[fn()]) {
    assert_eq!(SEED, world::SEED);
    in_both_modes_with_a_workstation(|lab| play(Box::new(Real::new(lab)), rows));
}

#[test]
fn rows_of_routes_and_rules() {
    play_in_both_modes(&[
        routes::addressing,
        routes::routing,
        routes::the_order_of_the_gates,
        routes::network_acls,
        routes::security_group_rules,
        routes::an_interface_owns_all_of_its_prefixes,
    ]);
}

#[test]
fn rows_of_connections_and_interfaces() {
    play_in_both_modes(&[
        flows::tracked_and_untracked,
        flows::services_of_the_link,
        flows::services_tell_interfaces_of_different_vpcs_apart,
        flows::requests_that_differ_only_in_what_the_service_cannot_see_stay_apart,
        flows::idle_timeouts,
        flows::interfaces,
        flows::what_arrives_is_what_was_sent,
    ]);
}

/// 55,000 packets, which are not worth their time everywhere.
#[test]
#[ignore = "takes half a minute"]
fn rows_of_ports_that_run_out() {
    play_in_both_modes(&[
        gateways::fact_41_ports_run_out_for_one_destination_alone,
        gateways::facts_35_and_36_private_addresses_do_not_pass,
    ]);
}

#[test]
fn rows_of_gateways() {
    play_in_both_modes(&[
        gateways::facts_33_and_37_an_internet_gateway_translates_one_to_one,
        gateways::fact_34_in_through_an_internet_gateway_needs_a_public_address,
        gateways::facts_35_and_36_private_addresses_do_not_pass,
        gateways::fact_38_a_public_address_inside_the_vpc_shows_the_senders_public_one,
        gateways::fact_39_block_public_access,
        gateways::fact_40_ipv6_is_not_translated_and_an_egress_only_gateway_opens_from_inside_alone,
        gateways::facts_11_to_13_a_gateway_route_table_leads_through_a_middlebox,
        gateways::facts_41_to_50_a_nat_gateway,
        gateways::fact_7_a_route_for_a_whole_subnet_leads_to_a_nat_gateway,
        gateways::fact_21_a_group_of_a_peered_vpc_that_is_gone_matches_nothing,
        gateways::fact_26_what_passes_certain_gateways_is_always_tracked,
        gateways::fact_32_gateways_drop_spoofed_sources,
        gateways::fact_53_addresses_that_two_vpcs_have_are_each_ones_own,
        gateways::facts_60_and_61_an_interface_endpoint_is_an_interface_with_groups,
        gateways::fact_43_what_a_cache_carries_keeps_a_translation_alive,
        gateways::fact_45_fragments_at_a_nat_gateway,
        gateways::fact_49_a_private_nat_gateway_has_no_way_to_the_internet,
        gateways::facts_51_and_52_a_peering_carries_its_two_vpcs_alone,
        gateways::facts_54_to_58_a_transit_gateway_routes_by_its_tables,
        gateways::recipe_1_10_a_shared_nat_gateway_behind_a_transit_gateway,
        gateways::fact_20_groups_across_a_transit_gateway_need_support_on_both_sides,
        gateways::fact_57_appliance_mode_keeps_both_directions_in_one_zone,
        gateways::facts_59_and_60_a_gateway_endpoint,
        gateways::a_gateway_load_balancer_endpoint_and_a_vpn_gateway_lead_nowhere_yet,
        gateways::the_workstation_is_a_host_like_others,
        gateways::fact_64_sizes,
        gateways::errors_are_translated_with_what_they_quote,
        gateways::a_change_between_vpcs_makes_the_domain_stale_and_no_port,
        connections::fact_54_of_two_vpcs_with_one_block_the_older_attachment_has_it,
        connections::fact_59_a_gateway_endpoint_serves_its_own_vpc_alone,
        connections::what_a_service_answers_does_not_follow_an_interface_to_another_subnet,
        connections::an_address_that_a_nat_gateway_loses_takes_its_connections_with_it,
        connections::what_is_decided_of_a_connection_holds_for_other_ports_of_its_opener,
        connections::public_addresses_are_those_that_the_cloud_says_it_has,
        connections::a_closed_account_is_out_of_reach_until_it_is_opened_again,
    ]);
}

/// The MAC address that a guest has found for a neighbour.
fn found(guest: &Guest, neighbour: &str) -> Option<MacAddress> {
    let table =
        guest.namespace.run(|| std::fs::read_to_string("/proc/thread-self/net/arp").unwrap()).unwrap();
    let line = table.lines().find(|line| line.split_whitespace().next() == Some(neighbour))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[test]
fn the_fabric_answers_for_the_router_and_for_neighbours() {
    // Fact A9. IPv6 is in `netns_traffic`.
    in_both_modes(|lab| {
        let places = [(1, 1, "10.0.1.10"), (2, 1, "10.0.1.11"), (3, 2, "10.0.2.10")];
        let interfaces = places.map(|(number, subnet, address)| interface(number, 1, subnet, address, &[1]));
        let mut deltas = vpc(1, "10.0.0.0/16");
        deltas.extend([subnet(1, 1, "10.0.1.0/24"), subnet(2, 1, "10.0.2.0/24")]);
        deltas.push(group(1, 1, &lab::anything()));
        deltas.extend(interfaces.iter().cloned().map(Into::into));
        lab.plane().apply(&deltas);
        let [one, two, three] = interfaces.each_ref().map(|interface| lab.guest(interface, 24));
        for (from, to) in [(&one, &two), (&one, &three), (&two, &three), (&three, &two)] {
            assert!(from.ping(to.address, 1, PATIENCE));
        }
        let routers = [(&one, "10.0.1.1", 1), (&two, "10.0.1.1", 1), (&three, "10.0.2.1", 2)];
        for (guest, router, number) in routers {
            assert_eq!(found(guest, router), Some(router_mac(subnet_id(number))), "{router}");
        }
        assert_eq!(found(&one, "10.0.1.11"), Some(two.mac));
        assert_eq!(found(&one, "10.0.2.10"), None, "who is elsewhere is no neighbour");
        // Nobody has this one.
        assert!(!one.ping("10.0.1.99".parse().unwrap(), 2, SILENCE));
        assert!(found(&one, "10.0.1.99").is_none_or(|mac| mac == MacAddress([0; 6])));
        lab.finish();
    });
}

/// Sends a word from one socket to another, and sees whether it comes within the time.
fn says(from: &UdpSocket, to: &UdpSocket, within: Duration) -> bool {
    from.send_to(b"word", to.local_addr().unwrap()).unwrap();
    to.set_read_timeout(Some(within)).unwrap();
    to.recv(&mut [0; 8]).is_ok()
}

#[test]
fn an_exchange_of_datagrams_is_forgotten_after_half_a_minute() {
    // Fact 30: the least that an interface can have, and what it has unless told otherwise.
    const IDLE: Duration = Duration::from_secs(30);
    in_both_modes_at_once(|lab| {
        let udp = rule(Direction::Ingress, Traffic::Udp(PortRange::one(53)), "10.0.1.10/32");
        let [one, two] = pair(&lab, &[lab::out()], &[udp]);
        let (one, two) = (lab.guest(&one, 24), lab.guest(&two, 24));
        let server = two.udp(53);
        let [idle, busy] = [1001, 1002].map(|port| one.udp(port));
        for client in [&idle, &busy] {
            assert!(says(client, &server, PATIENCE) && says(&server, client, PATIENCE));
        }
        // However long a busy machine has taken for them.
        let start = Instant::now();
        std::thread::sleep(IDLE / 2);
        assert!(says(&server, &busy, PATIENCE), "it is remembered");
        std::thread::sleep((IDLE + Duration::from_secs(1)).saturating_sub(start.elapsed()));
        assert!(says(&server, &busy, PATIENCE), "what was in use is remembered");
        assert!(!says(&server, &idle, SILENCE), "what was not is forgotten, and no rule lets it out");
        let drops = lab.plane().drops();
        assert!(drops.iter().any(|drop| drop.last.name() == "NoEgressRule"), "{drops:?}");
        lab.finish();
    });
}
