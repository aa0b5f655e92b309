//! DescribeVpcPeeringConnections.
//!
//! Owns the filters. Refuses to know the states.

use aws_api::ec2::{self as api, operation as op};
use service_api::{Operations, RequestContext, ServiceError};

use super::{VpcPeeringConnection, shown};
use crate::Ec2;
use crate::filter::{Filters, text};
use crate::page::Page;

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::DescribeVpcPeeringConnections>(describe)
}

/// The value of a member of one side.
macro_rules! side {
    ($side:ident.$member:ident) => {
        |connection| connection.$side.as_ref().map(|side| text(&side.$member)).unwrap_or_default()
    };
}

static FILTERS: Filters<api::VpcPeeringConnection> = Filters {
    tags: Some(|connection| connection.tags.as_deref().unwrap_or_default()),
    named: &[
        ("accepter-vpc-info.cidr-block", side!(accepter_vpc_info.cidr_block)),
        ("accepter-vpc-info.owner-id", side!(accepter_vpc_info.owner_id)),
        ("accepter-vpc-info.vpc-id", side!(accepter_vpc_info.vpc_id)),
        ("expiration-time", |connection| {
            connection.expiration_time.iter().map(ToString::to_string).collect()
        }),
        ("requester-vpc-info.cidr-block", side!(requester_vpc_info.cidr_block)),
        ("requester-vpc-info.owner-id", side!(requester_vpc_info.owner_id)),
        ("requester-vpc-info.vpc-id", side!(requester_vpc_info.vpc_id)),
        ("status-code", |connection| {
            connection.status.as_ref().map(|status| text(&status.code)).unwrap_or_default()
        }),
        ("status-message", |connection| {
            connection.status.as_ref().map(|status| text(&status.message)).unwrap_or_default()
        }),
        ("vpc-peering-connection-id", |connection| text(&connection.vpc_peering_connection_id)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeVpcPeeringConnectionsRequest,
) -> Result<api::DescribeVpcPeeringConnectionsResult, ServiceError> {
    let view = ec2.view(context);
    let ids = input.vpc_peering_connection_ids.as_ref();
    let page = Page::new("DescribeVpcPeeringConnections", input.max_results, input.next_token.as_ref());
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let (connections, next_token) =
        page.of(&view, ids, wanted, |held: &VpcPeeringConnection| shown(&view, held))?;
    ec2.answer(
        input.dry_run,
        api::DescribeVpcPeeringConnectionsResult { vpc_peering_connections: Some(connections), next_token },
    )
}
