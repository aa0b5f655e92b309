//! The document that tells a customer's device how to bring a connection up.
//!
//! Owns its form, which is AWS's. Refuses to know where the values are from.
//! <https://docs.aws.amazon.com/vpn/latest/s2svpn/cgw-static-routing-examples.html>

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::tunnel::{DEFAULT_DPD_SECS, DEFAULT_PHASE1_SECS, DEFAULT_PHASE2_SECS};
use super::{TargetGateway, VpnConnection, VpnTunnel};
use crate::customer_gateway::{CustomerGateway, IPSEC};

/// How long a BGP session stays up unheard.
pub(super) const HOLD_TIME_SECS: u32 = 30;
/// What fits a tunnel's packets behind the headers of ESP.
pub(super) const TCP_MSS_BYTES: u32 = 1379;
/// How often a device asks whether the other end is there, and how often before it gives up.
const DEAD_PEER_INTERVAL_SECS: u32 = 10;

/// Writes elements, each on a line, and escapes what is in them.
struct Writer {
    text: String,
    depth: usize,
}

impl Writer {
    fn indent(&mut self) {
        self.text.extend(std::iter::repeat_n("  ", self.depth));
    }

    fn element(&mut self, name: &str, inner: impl FnOnce(&mut Self)) {
        self.indent();
        self.text += &format!("<{name}>\n");
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.indent();
        self.text += &format!("</{name}>\n");
    }

    fn value(&mut self, name: &str, value: impl ToString) {
        self.indent();
        self.text += &format!("<{name}>{}</{name}>\n", escaped(&value.to_string()));
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// One end of a tunnel.
struct End {
    outside: Option<Ipv4Addr>,
    inside: Ipv4Addr,
    asn: String,
}

fn end(writer: &mut Writer, name: &str, end: &End, block: Ipv4Net) {
    writer.element(name, |writer| {
        writer.element("tunnel_outside_address", |writer| {
            writer.value("ip_address", end.outside.map(|address| address.to_string()).unwrap_or_default());
        });
        writer.element("tunnel_inside_address", |writer| {
            writer.value("ip_address", end.inside);
            writer.value("network_mask", block.netmask());
            writer.value("network_cidr", block.prefix_len());
        });
        writer.element("bgp", |writer| {
            writer.value("asn", &end.asn);
            writer.value("hold_time", HOLD_TIME_SECS);
        });
    });
}

fn ike(writer: &mut Writer, tunnel: &VpnTunnel) {
    let settings = &tunnel.settings;
    writer.element("ike", |writer| {
        writer.value("authentication_protocol", first(&settings.phase1_integrity, "SHA1").to_lowercase());
        writer.value("encryption_protocol", cipher(&settings.phase1_encryption));
        writer.value("lifetime", settings.phase1_lifetime_secs.unwrap_or(DEFAULT_PHASE1_SECS));
        writer.value("perfect_forward_secrecy", group(&settings.phase1_groups));
        writer.value("mode", "main");
        writer.value("pre_shared_key", &tunnel.pre_shared_key);
    });
}

fn ipsec(writer: &mut Writer, tunnel: &VpnTunnel) {
    let settings = &tunnel.settings;
    let authentication = match first(&settings.phase2_integrity, "SHA1") {
        "SHA2-256" => "hmac-sha2-256-128",
        "SHA2-384" => "hmac-sha2-384-192",
        "SHA2-512" => "hmac-sha2-512-256",
        _ => "hmac-sha1-96",
    };
    let timeout = settings.dpd_timeout_secs.unwrap_or(DEFAULT_DPD_SECS).unsigned_abs();
    writer.element("ipsec", |writer| {
        writer.value("protocol", "esp");
        writer.value("authentication_protocol", authentication);
        writer.value("encryption_protocol", cipher(&settings.phase2_encryption));
        writer.value("lifetime", settings.phase2_lifetime_secs.unwrap_or(DEFAULT_PHASE2_SECS));
        writer.value("perfect_forward_secrecy", group(&settings.phase2_groups));
        writer.value("mode", "tunnel");
        writer.value("clear_df_bit", true);
        writer.value("fragmentation_before_encryption", true);
        writer.value("tcp_mss_adjustment", TCP_MSS_BYTES);
        writer.element("dead_peer_detection", |writer| {
            writer.value("interval", DEAD_PEER_INTERVAL_SECS);
            writer.value("retries", timeout / DEAD_PEER_INTERVAL_SECS);
        });
    });
}

fn first<'a>(given: &'a [String], usual: &'a str) -> &'a str {
    given.first().map_or(usual, String::as_str)
}

fn cipher(given: &[String]) -> String {
    let name = first(given, "AES128").to_lowercase().replace("aes", "aes-");
    if name.contains("gcm") { name } else { format!("{name}-cbc") }
}

fn group(given: &[i32]) -> String {
    format!("group{}", given.first().unwrap_or(&2))
}

/// The document of a connection. `asn` is that of its gateway, whose id it has if that is a virtual private one.
pub(super) fn document(connection: &VpnConnection, customer: &CustomerGateway, asn: i64) -> String {
    let mut writer = Writer { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(), depth: 1 };
    writer.text += &format!("<vpn_connection id=\"{}\">\n", connection.id);
    writer.value("customer_gateway_id", customer.id);
    match connection.gateway {
        TargetGateway::VpnGateway(id) => writer.value("vpn_gateway_id", id),
        TargetGateway::TransitGateway(_) => writer.value("vpn_gateway_id", ""),
    }
    writer.value("vpn_connection_type", IPSEC);
    if connection.static_routes_only {
        writer.value("vpn_connection_attributes", "NoBGPVPNConnection");
    }
    for tunnel in &connection.tunnels {
        let block = tunnel.inside;
        writer.element("ipsec_tunnel", |writer| {
            let inside = |place: u32| Ipv4Addr::from(u32::from(block.network()) + place);
            let customer =
                End { outside: customer.address, inside: inside(2), asn: customer.asn.to_string() };
            let gateway = End { outside: Some(tunnel.outside), inside: inside(1), asn: asn.to_string() };
            end(writer, "customer_gateway", &customer, block);
            end(writer, "vpn_gateway", &gateway, block);
            ike(writer, tunnel);
            ipsec(writer, tunnel);
        });
    }
    writer.text += "</vpn_connection>\n";
    writer.text
}
