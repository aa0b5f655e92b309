//! Connect peers: CreateTransitGatewayConnectPeer, DeleteTransitGatewayConnectPeer, DescribeTransitGatewayConnectPeers.
//!
//! Owns the record and its addresses: those of the tunnel outside, and of the BGP sessions inside. Refuses to know the
//! tunnel and the sessions, which are never up.
//! <https://docs.aws.amazon.com/vpc/latest/tgw/tgw-connect.html#tgw-connect-peer>

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use aws_api::ec2::{self as api, operation as op};
use aws_types::{Tags, Timestamp, TransitGatewayAttachmentId, TransitGatewayConnectPeerId, TransitGatewayId};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use super::attachment::{self, TransitGatewayAttachment};
use super::{TransitGateway, connect};
use crate::filter::{Filters, text};
use crate::page::Page;
use crate::progress::{self, Change, Progress, Progressing};
use crate::state::{Edit, Naming, State, resource};
use crate::{Ec2, asn, error, pace, quota, tag};

/// Where the IPv4 addresses inside tunnels lie.
pub(super) const LINK_LOCAL: IpNet = IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(169, 254, 0, 0), 16));
/// Where the IPv6 addresses inside tunnels lie.
const UNIQUE_LOCAL: Ipv6Net = Ipv6Net::new_assert(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0), 8);
const INSIDE_IPV4_PREFIX: u8 = 29;
const INSIDE_IPV6_PREFIX: u8 = 125;
/// The blocks that AWS keeps for itself, by their last two bytes.
const RESERVED: [[u8; 2]; 7] = [[0, 0], [1, 0], [2, 0], [3, 0], [4, 0], [5, 0], [169, 248]];

/// A peer of a Connect attachment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TransitGatewayConnectPeer {
    /// Its id.
    pub id: TransitGatewayConnectPeerId,
    /// The gateway of its attachment.
    pub gateway: TransitGatewayId,
    /// Its Connect attachment.
    pub connect: TransitGatewayAttachmentId,
    /// The gateway's end of the tunnel, in one of the gateway's blocks.
    pub transit_gateway_address: IpAddr,
    /// The appliance's end of the tunnel.
    pub peer_address: IpAddr,
    /// The block of the IPv4 addresses inside the tunnel.
    pub inside_ipv4: Ipv4Net,
    /// The block of the IPv6 addresses inside the tunnel.
    pub inside_ipv6: Option<Ipv6Net>,
    /// The appliance's autonomous system number.
    pub peer_asn: i64,
    /// What was last done to it.
    pub progress: Progress,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    TransitGatewayConnectPeer,
    TransitGatewayConnectPeerId,
    "ec2.transit-gateway-connect-peer",
    Naming {
        resource_type: "transit-gateway-connect-peer",
        noun: "transitGatewayConnectPeer",
        not_found: "InvalidTransitGatewayConnectPeerID.NotFound",
        malformed: "InvalidTransitGatewayConnectPeerID.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("Transit Gateway Connect Peer {id} was deleted or does not exist.")
    },
    fn ends_at(&self) -> Option<Timestamp> {
        self.progress.ends_at()
    }
);

impl Progressing for TransitGatewayConnectPeer {
    fn progress(&self) -> Progress {
        self.progress
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateTransitGatewayConnectPeer>(create)
        .with::<op::DeleteTransitGatewayConnectPeer>(delete)
        .with::<op::DescribeTransitGatewayConnectPeers>(describe)
}

/// Reads the blocks of the addresses inside a tunnel: one of IPv4, and with it one of IPv6 or none.
fn inside_blocks(texts: &[String]) -> Result<(Ipv4Net, Option<Ipv6Net>), ServiceError> {
    let (mut ipv4, mut ipv6) = (None, None);
    for text in texts {
        let invalid = |why: &str| error::invalid_value_for(text, "insideCidrBlocks", why);
        let block = text.parse::<IpNet>().map_err(|_| invalid("This is not a valid CIDR block."))?.trunc();
        let is_twice = match block {
            IpNet::V4(block) => {
                if block.prefix_len() != INSIDE_IPV4_PREFIX || !LINK_LOCAL.contains(&IpNet::V4(block)) {
                    return Err(invalid("It must be a block of size /29 in 169.254.0.0/16."));
                }
                let [_, _, third, fourth] = block.network().octets();
                if RESERVED.contains(&[third, fourth]) {
                    return Err(invalid("This block is reserved."));
                }
                ipv4.replace(block).is_some()
            }
            IpNet::V6(block) => {
                if block.prefix_len() != INSIDE_IPV6_PREFIX || !UNIQUE_LOCAL.contains(&block) {
                    return Err(invalid("It must be a block of size /125 in fd00::/8."));
                }
                ipv6.replace(block).is_some()
            }
        };
        if is_twice {
            return Err(invalid("A Connect peer has one block of each family."));
        }
    }
    Ok((ipv4.ok_or_else(|| error::missing("InsideCidrBlocks"))?, ipv6))
}

fn address(text: &str, parameter: &str) -> Result<IpAddr, ServiceError> {
    let why = "This is not a valid IP address.";
    text.parse().map_err(|_| error::invalid_value_for(text, parameter, why))
}

/// The gateway's end of a tunnel: what is named, or the first address that no other peer of the gateway has.
fn transit_gateway_address(
    edit: &Edit<'_>,
    gateway: &TransitGateway,
    named: Option<&String>,
    peer: IpAddr,
) -> Result<IpAddr, ServiceError> {
    const PARAMETER: &str = "transitGatewayAddress";
    let blocks = &gateway.options.blocks;
    let of_gateway =
        |held: &TransitGatewayConnectPeer| held.gateway == gateway.id && !held.progress.is_ended();
    let taken: Vec<_> = edit
        .all::<TransitGatewayConnectPeer>()
        .filter(|held| of_gateway(held))
        .map(|held| held.transit_gateway_address)
        .collect();
    if let Some(text) = named {
        let address = address(text, PARAMETER)?;
        if !blocks.iter().any(|block| block.contains(&address)) {
            let why = "It is in none of the CIDR blocks of the transit gateway.";
            return Err(error::invalid_value_for(text, PARAMETER, why));
        }
        if address.is_ipv4() != peer.is_ipv4() {
            return Err(error::invalid_value_for(
                text,
                PARAMETER,
                "PeerAddress is of another address family.",
            ));
        }
        return Ok(address);
    }
    let family = blocks.iter().filter(|block| block.addr().is_ipv4() == peer.is_ipv4());
    let free = family.flat_map(IpNet::hosts).find(|address| !taken.contains(address));
    free.ok_or_else(|| {
        error::invalid_value(format!(
            "{} has no free address for a Connect peer: add a CIDR block to it.",
            gateway.id
        ))
    })
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreateTransitGatewayConnectPeerRequest,
) -> Result<api::CreateTransitGatewayConnectPeerResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "transit-gateway-connect-peer")?;
    let (inside_ipv4, inside_ipv6) = inside_blocks(&input.inside_cidr_blocks)?;
    let peer_address = address(&input.peer_address, "peerAddress")?;
    let peer_asn = input.bgp_options.and_then(|options| options.peer_asn);
    if let Some(asn) = peer_asn {
        asn::customer_side(asn, "peerAsn")?;
    }
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_attachment_id;
        let held = progress::available::<TransitGatewayAttachment>(edit, text)?;
        let connect = attachment::of_kind(held, connect::KIND)?;
        let gateway = edit.held::<TransitGateway>(connect.gateway)?;
        let others: Vec<_> = edit
            .all::<TransitGatewayConnectPeer>()
            .filter(|peer| peer.gateway == gateway.id && !peer.progress.is_ended())
            .collect();
        let count = others.iter().filter(|peer| peer.connect == connect.id).count();
        quota::PEERS_PER_CONNECT.check(edit, count + 1)?;
        let is_used = |peer: &TransitGatewayConnectPeer| {
            peer.inside_ipv4 == inside_ipv4 || (inside_ipv6.is_some() && peer.inside_ipv6 == inside_ipv6)
        };
        if let Some(other) = others.iter().find(|peer| is_used(peer)) {
            let message = format!("The Connect peer {} has the same inside CIDR block.", other.id);
            return Err(error::invalid_value(message));
        }
        let named = input.transit_gateway_address.as_ref();
        let peer = TransitGatewayConnectPeer {
            id: edit.new_id(),
            gateway: gateway.id,
            connect: connect.id,
            transit_gateway_address: transit_gateway_address(edit, &gateway, named, peer_address)?,
            peer_address,
            inside_ipv4,
            inside_ipv6,
            peer_asn: peer_asn.unwrap_or(gateway.options.amazon_side_asn),
            progress: Progress::new(Change::Create, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit)),
            created_at: edit.now(),
            tags,
        };
        edit.put(peer.clone());
        Ok(api::CreateTransitGatewayConnectPeerResult {
            transit_gateway_connect_peer: Some(shown(edit, &peer)),
        })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteTransitGatewayConnectPeerRequest,
) -> Result<api::DeleteTransitGatewayConnectPeerResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let text = &input.transit_gateway_connect_peer_id;
        let mut peer = progress::available::<TransitGatewayConnectPeer>(edit, text)?;
        peer.progress = Progress::new(Change::Delete, pace::TRANSIT_GATEWAY_ATTACHMENT.done_at(edit));
        edit.put(peer.clone());
        Ok(api::DeleteTransitGatewayConnectPeerResult {
            transit_gateway_connect_peer: Some(shown(edit, &peer)),
        })
    })
}

/// The BGP sessions of a peer: the appliance has the first address of a block, the gateway the second and the third.
fn sessions(
    peer: &TransitGatewayConnectPeer,
    asn: Option<i64>,
) -> Vec<api::TransitGatewayAttachmentBgpConfiguration> {
    let blocks = [Some(IpNet::V4(peer.inside_ipv4)), peer.inside_ipv6.map(IpNet::V6)];
    let mut sessions = Vec::new();
    for block in blocks.into_iter().flatten() {
        let hosts: Vec<_> = match block {
            IpNet::V4(block) => block.hosts().map(IpAddr::V4).take(3).collect(),
            IpNet::V6(block) => block.hosts().map(IpAddr::V6).skip(1).take(3).collect(),
        };
        let [appliance, of_gateway @ ..] = &hosts[..] else { continue };
        for address in of_gateway {
            sessions.push(api::TransitGatewayAttachmentBgpConfiguration {
                transit_gateway_asn: asn,
                peer_asn: Some(peer.peer_asn),
                transit_gateway_address: Some(address.to_string()),
                peer_address: Some(appliance.to_string()),
                bgp_status: Some("down".to_owned()),
            });
        }
    }
    sessions
}

fn shown(state: &impl State, peer: &TransitGatewayConnectPeer) -> api::TransitGatewayConnectPeer {
    let gateway = state.find::<TransitGateway>(peer.gateway);
    let asn = gateway.map(|gateway| gateway.options.amazon_side_asn);
    let inside = [Some(peer.inside_ipv4.to_string()), peer.inside_ipv6.map(|block| block.to_string())];
    api::TransitGatewayConnectPeer {
        transit_gateway_attachment_id: Some(peer.connect.to_string()),
        transit_gateway_connect_peer_id: Some(peer.id.to_string()),
        state: Some(peer.progress.state(state.now()).to_owned()),
        creation_time: Some(peer.created_at),
        connect_peer_configuration: Some(api::TransitGatewayConnectPeerConfiguration {
            transit_gateway_address: Some(peer.transit_gateway_address.to_string()),
            peer_address: Some(peer.peer_address.to_string()),
            inside_cidr_blocks: Some(inside.into_iter().flatten().collect()),
            protocol: Some(connect::PROTOCOL.to_owned()),
            bgp_configurations: Some(sessions(peer, asn)),
        }),
        tags: tag::shown(&peer.tags),
    }
}

static FILTERS: Filters<api::TransitGatewayConnectPeer> = Filters {
    tags: Some(|peer| peer.tags.as_deref().unwrap_or_default()),
    named: &[
        ("state", |peer| text(&peer.state)),
        ("transit-gateway-attachment-id", |peer| text(&peer.transit_gateway_attachment_id)),
        ("transit-gateway-connect-peer-id", |peer| text(&peer.transit_gateway_connect_peer_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTransitGatewayConnectPeersRequest,
) -> Result<api::DescribeTransitGatewayConnectPeersResult, ServiceError> {
    let view = ec2.view(context);
    let page = Page::new("DescribeTransitGatewayConnectPeers", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (peers, next_token) = page.of(
        &view,
        input.transit_gateway_connect_peer_ids.as_ref(),
        wanted,
        |peer: &TransitGatewayConnectPeer| shown(&view, peer),
    )?;
    ec2.answer(
        input.dry_run,
        api::DescribeTransitGatewayConnectPeersResult {
            transit_gateway_connect_peers: Some(peers),
            next_token,
        },
    )
}
