use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

mod groups;

const OTHER: &str = "210987654321";
const HOUR: i64 = 3_600_000;
const NOT_PERMITTED: &str = "OperationNotPermitted";
const WRONG_STATE: &str = "InvalidStateTransition";
const UNKNOWN: &str = "InvalidVpcPeeringConnectionID.NotFound";

fn request(vpc: &str, peer: &str) -> api::CreateVpcPeeringConnectionRequest {
    input!(CreateVpcPeeringConnectionRequest { vpc_id: vpc, peer_vpc_id: peer })
}

/// A request to a VPC as another account or region has it.
fn request_to(vpc: &str, there: &Cloud, peer: &str) -> api::CreateVpcPeeringConnectionRequest {
    api::CreateVpcPeeringConnectionRequest {
        peer_owner_id: Some(there.scope().account.to_string()),
        peer_region: Some(there.scope().region.to_string()),
        ..request(vpc, peer)
    }
}

fn made(cloud: &Cloud, input: api::CreateVpcPeeringConnectionRequest) -> api::VpcPeeringConnection {
    cloud.ok::<op::CreateVpcPeeringConnection>(input).vpc_peering_connection.unwrap()
}

fn create(cloud: &Cloud, input: api::CreateVpcPeeringConnectionRequest) -> String {
    made(cloud, input).vpc_peering_connection_id.unwrap()
}

fn accept(id: &str) -> api::AcceptVpcPeeringConnectionRequest {
    input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: id })
}

fn reject(id: &str) -> api::RejectVpcPeeringConnectionRequest {
    input!(RejectVpcPeeringConnectionRequest { vpc_peering_connection_id: id })
}

fn delete(id: &str) -> api::DeleteVpcPeeringConnectionRequest {
    input!(DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: id })
}

fn by_id(id: &str) -> api::DescribeVpcPeeringConnectionsRequest {
    input!(DescribeVpcPeeringConnectionsRequest { vpc_peering_connection_ids: [id] })
}

fn described(cloud: &Cloud, id: &str) -> api::VpcPeeringConnection {
    let answer = cloud.ok::<op::DescribeVpcPeeringConnections>(by_id(id));
    answer.vpc_peering_connections.unwrap().remove(0)
}

fn status(connection: &api::VpcPeeringConnection) -> (String, String) {
    let status = connection.status.clone().unwrap();
    (status.code.unwrap(), status.message.unwrap())
}

fn state(cloud: &Cloud, id: &str) -> String {
    status(&described(cloud, id)).0
}

/// A connection that is active, between VPCs that two views of the cloud have.
fn active(here: &Cloud, vpc: &str, there: &Cloud, peer: &str) -> String {
    let id = create(here, request_to(vpc, there, peer));
    here.wait(3000);
    there.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    here.wait(3000);
    assert_eq!(state(here, &id), "active");
    id
}

fn is_gone(cloud: &Cloud, id: &str) {
    let message = format!("The vpcPeeringConnection ID '{id}' does not exist");
    cloud.refuses::<op::DescribeVpcPeeringConnections>(by_id(id), UNKNOWN, &message);
}

fn transition(id: &str, from: &str, to: &str) -> String {
    format!("Invalid state transition for {id}, attempted to transition from {from} to {to}")
}

#[test]
fn a_connection_in_one_account_lives() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let input = api::CreateVpcPeeringConnectionRequest {
        tag_specifications: Some(tagged("vpc-peering-connection", &[("Name", "mine")])),
        ..request(&vpc, &peer)
    };
    let connection = made(&cloud, input);
    let id = connection.vpc_peering_connection_id.clone().unwrap();
    assert!(id.starts_with("pcx-"));
    let told = |code: &str, message: &str| (code.to_owned(), message.to_owned());
    assert_eq!(status(&connection), told("initiating-request", "Initiating Request to 123456789012"));
    assert_eq!(connection.expiration_time, Some(cloud.now().plus_millis(7 * 24 * HOUR)));
    cloud.wait(3000);
    let pending = described(&cloud, &id);
    assert_eq!(status(&pending), told("pending-acceptance", "Pending Acceptance by 123456789012"));
    assert_eq!(pending.tags, Some(tags(&[("Name", "mine")])));
    let (requester, accepter) = (pending.requester_vpc_info.unwrap(), pending.accepter_vpc_info.unwrap());
    assert_eq!((requester.vpc_id.as_ref(), accepter.vpc_id.as_ref()), (Some(&vpc), Some(&peer)));
    assert_eq!(requester.cidr_block.as_deref(), Some("10.0.0.0/16"));
    assert_eq!(requester.region.as_deref(), Some("us-east-1"));
    assert_eq!((accepter.cidr_block, accepter.peering_options), (None, None));
    assert_eq!(accepter.owner_id.as_deref(), Some("123456789012"));

    let accepted = cloud.ok::<op::AcceptVpcPeeringConnection>(accept(&id)).vpc_peering_connection.unwrap();
    assert_eq!(status(&accepted), told("provisioning", "Provisioning"));
    cloud.wait(3000);
    let active = described(&cloud, &id);
    assert_eq!(status(&active), told("active", "Active"));
    assert_eq!(active.expiration_time, None);
    let accepter = active.accepter_vpc_info.unwrap();
    assert_eq!(accepter.cidr_block.as_deref(), Some("10.1.0.0/16"));
    assert_eq!(accepter.cidr_block_set.unwrap().len(), 1);
    assert_eq!(accepter.peering_options.unwrap().allow_dns_resolution_from_remote_vpc, Some(false));

    cloud.refuses::<op::AcceptVpcPeeringConnection>(
        accept(&id),
        WRONG_STATE,
        &transition(&id, "active", "provisioning"),
    );
    cloud.refuses::<op::RejectVpcPeeringConnection>(
        reject(&id),
        WRONG_STATE,
        &transition(&id, "active", "rejected"),
    );
    assert_eq!(cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&id)).r#return, Some(true));
    assert_eq!(state(&cloud, &id), "deleting");
    cloud.wait(3000);
    assert_eq!(status(&described(&cloud, &id)), told("deleted", "Deleted by 123456789012"));
    cloud.refuses::<op::DeleteVpcPeeringConnection>(
        delete(&id),
        WRONG_STATE,
        &transition(&id, "deleted", "deleting"),
    );
    cloud.wait(2 * HOUR);
    is_gone(&cloud, &id);
}

#[test]
fn a_connection_of_two_accounts_and_regions_is_seen_by_both() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-west-2");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let input = api::CreateVpcPeeringConnectionRequest {
        tag_specifications: Some(tagged("vpc-peering-connection", &[("Name", "mine")])),
        ..request_to(&vpc, &other, &peer)
    };
    let id = create(&cloud, input);
    cloud.wait(3000);
    let theirs = described(&other, &id);
    assert_eq!(theirs.tags, Some(Vec::new()), "tags are each side's own");
    assert_eq!(theirs.requester_vpc_info.unwrap().cidr_block.as_deref(), Some("10.0.0.0/16"));
    other.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: [&id],
        tags: tags(&[("Name", "theirs")])
    }));
    assert_eq!(described(&cloud, &id).tags, Some(tags(&[("Name", "mine")])));
    is_gone(&cloud.seen_by(OTHER, "us-east-1"), &id);

    let message = format!("User (123456789012) cannot accept peering {id}");
    cloud.refuses::<op::AcceptVpcPeeringConnection>(accept(&id), NOT_PERMITTED, &message);
    let message = format!("User (123456789012) cannot reject peering {id}");
    cloud.refuses::<op::RejectVpcPeeringConnection>(reject(&id), NOT_PERMITTED, &message);
    let message = format!("User (210987654321) cannot delete peering {id}");
    other.refuses::<op::DeleteVpcPeeringConnection>(delete(&id), NOT_PERMITTED, &message);
    let dry = api::AcceptVpcPeeringConnectionRequest { dry_run: Some(true), ..accept(&id) };
    other.refuses::<op::AcceptVpcPeeringConnection>(dry, "DryRunOperation", "…");
    other.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    assert_eq!(
        (state(&cloud, &id), state(&other, &id)),
        ("provisioning".to_owned(), "provisioning".to_owned())
    );
    cloud.wait(3000);
    assert_eq!((state(&cloud, &id), state(&other, &id)), ("active".to_owned(), "active".to_owned()));
    assert_eq!(described(&other, &id).tags, Some(tags(&[("Name", "theirs")])));
    let info = described(&cloud, &id).accepter_vpc_info.unwrap();
    assert_eq!(
        (info.cidr_block.as_deref(), info.region.as_deref()),
        (Some("10.1.0.0/16"), Some("us-west-2"))
    );

    // Who deletes it sees it for two hours, the other for two days.
    other.ok::<op::DeleteVpcPeeringConnection>(delete(&id));
    cloud.wait(3000);
    assert_eq!(status(&described(&cloud, &id)).1, "Deleted by 210987654321");
    cloud.wait(2 * HOUR);
    is_gone(&other, &id);
    assert_eq!(state(&cloud, &id), "deleted");
    cloud.wait(46 * HOUR);
    is_gone(&cloud, &id);
}

#[test]
fn a_request_is_answered_in_the_region_of_its_accepter() {
    let cloud = Cloud::new();
    let there = cloud.seen_by("123456789012", "us-west-2");
    let id = create(&cloud, request_to(&cloud.vpc("10.0.0.0/16"), &there, &there.vpc("10.1.0.0/16")));
    let begin = "Incorrect region (us-east-1) specified for this request. VPC peering connection";
    let message = format!("{begin} {id} must be accepted in region us-west-2");
    cloud.refuses::<op::AcceptVpcPeeringConnection>(accept(&id), NOT_PERMITTED, &message);
    let message = format!("{begin} {id} must be accepted or rejected in region us-west-2");
    cloud.refuses::<op::RejectVpcPeeringConnection>(reject(&id), NOT_PERMITTED, &message);
    // A request that will not fail can be answered from the first moment.
    there.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
}

#[test]
fn a_request_is_rejected_or_expires() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let id = create(&cloud, request_to(&vpc, &other, &peer));
    cloud.wait(3000);
    assert_eq!(other.ok::<op::RejectVpcPeeringConnection>(reject(&id)).r#return, Some(true));
    assert_eq!(status(&described(&cloud, &id)), ("rejected".to_owned(), format!("Rejected by {OTHER}")));
    let message = transition(&id, "rejected", "deleting");
    cloud.refuses::<op::DeleteVpcPeeringConnection>(delete(&id), WRONG_STATE, &message);
    let message = transition(&id, "rejected", "provisioning");
    other.refuses::<op::AcceptVpcPeeringConnection>(accept(&id), WRONG_STATE, &message);
    cloud.wait(2 * HOUR);
    is_gone(&other, &id);
    assert_eq!(state(&cloud, &id), "rejected");
    cloud.wait(46 * HOUR);
    is_gone(&cloud, &id);

    let id = create(&cloud, request_to(&vpc, &other, &peer));
    cloud.wait(7 * 24 * HOUR);
    assert_eq!((state(&cloud, &id), state(&other, &id)), ("expired".to_owned(), "expired".to_owned()));
    let message = transition(&id, "expired", "provisioning");
    other.refuses::<op::AcceptVpcPeeringConnection>(accept(&id), WRONG_STATE, &message);
    cloud.wait(48 * HOUR);
    is_gone(&cloud, &id);
    is_gone(&other, &id);

    // The requester takes a request back.
    let id = create(&cloud, request_to(&vpc, &other, &peer));
    cloud.wait(3000);
    cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&id));
    cloud.wait(3000);
    assert_eq!(state(&other, &id), "deleted");
}

#[test]
fn a_request_that_cannot_be_fails() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let vpc = cloud.vpc("10.0.0.0/16");
    let overlapping = other.vpc("10.0.128.0/20");
    let failed = [
        request_to(&vpc, &other, &overlapping),
        request_to(&vpc, &other, "vpc-0123456789abcdef0"),
        request(&vpc, &overlapping),
        request(&vpc, &vpc),
    ];
    for input in failed {
        let connection = made(&cloud, input);
        let id = connection.vpc_peering_connection_id.clone().unwrap();
        assert_eq!(status(&connection).0, "initiating-request");
        let message = transition(&id, "initiating-request", "deleting");
        cloud.refuses::<op::DeleteVpcPeeringConnection>(delete(&id), WRONG_STATE, &message);
        cloud.wait(3000);
        let message = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range";
        assert_eq!(status(&described(&cloud, &id)), ("failed".to_owned(), message.to_owned()));
        is_gone(&other, &id);
        let message = transition(&id, "failed", "deleting");
        cloud.refuses::<op::DeleteVpcPeeringConnection>(delete(&id), WRONG_STATE, &message);
        cloud.wait(2 * HOUR);
        is_gone(&cloud, &id);
    }
}

#[test]
fn a_request_that_is_going_to_fail_stands_in_nobodys_way() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.0.0.0/16"));
    // More than can be outstanding, and none of them stands in the way of the next.
    for _ in 0..30 {
        let connection = made(&cloud, request(&vpc, &peer));
        assert_eq!(status(&connection).0, "initiating-request");
    }
    let other = cloud.vpc("10.9.0.0/16");
    assert_eq!(status(&made(&cloud, request(&vpc, &other))).0, "initiating-request");
    // A block that the VPC of a live request has cannot be added, and one of a failing request's can.
    let add =
        |vpc: &str, block: &str| input!(AssociateVpcCidrBlockRequest { vpc_id: vpc, cidr_block: block });
    cloud.refuses::<op::AssociateVpcCidrBlock>(add(&vpc, "10.9.0.0/20"), "InvalidVpc.Conflict", "…");
    cloud.ok::<op::AssociateVpcCidrBlock>(add(&peer, "10.7.0.0/16"));
    cloud.ok::<op::AssociateVpcCidrBlock>(add(&vpc, "10.7.0.0/20"));
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let refuses = |input, code: &str, message: &str| {
        cloud.refuses::<op::CreateVpcPeeringConnection>(input, code, message);
    };
    let dry = api::CreateVpcPeeringConnectionRequest { dry_run: Some(true), ..request(&vpc, &peer) };
    refuses(dry, "DryRunOperation", "Request would have succeeded, but DryRun flag is set.");
    let unknown = request("vpc-0123456789abcdef0", &peer);
    refuses(unknown, "InvalidVpcID.NotFound", "The vpc ID 'vpc-0123456789abcdef0' does not exist");
    refuses(request(&vpc, "vpc"), "InvalidVpcID.Malformed", "…");
    let none = input!(CreateVpcPeeringConnectionRequest { vpc_id: &vpc });
    refuses(none, "MissingParameter", "The request must contain the parameter peerVpcId");
    let account = api::CreateVpcPeeringConnectionRequest {
        peer_owner_id: Some("12".to_owned()),
        ..request(&vpc, &peer)
    };
    refuses(account, "InvalidParameterValue", "Value (12) for parameter peerOwnerId is invalid. …");
    let region = api::CreateVpcPeeringConnectionRequest {
        peer_region: Some("xx-east-1".to_owned()),
        ..request(&vpc, &peer)
    };
    refuses(region, "InvalidParameterValue", "Value (xx-east-1) for parameter peerRegion is invalid. …");
    let id = create(&cloud, request(&vpc, &peer));
    for again in [request(&vpc, &peer), request(&peer, &vpc)] {
        refuses(again, "VpcPeeringConnectionAlreadyExists", "The VPC peering connection pcx-…");
    }
    let malformed = "InvalidVpcPeeringConnectionId.Malformed";
    let message = "Invalid id: \"pcx\" (expecting \"pcx-...\")";
    cloud.refuses::<op::AcceptVpcPeeringConnection>(accept("pcx"), malformed, message);
    cloud.refuses::<op::RejectVpcPeeringConnection>(reject("pcx"), malformed, message);
    cloud.refuses::<op::DeleteVpcPeeringConnection>(delete("pcx"), malformed, message);
    cloud.refuses::<op::DescribeVpcPeeringConnections>(by_id("pcx"), malformed, message);
    let unknown = "pcx-0123456789abcdef0";
    let message = "The vpcPeeringConnection ID 'pcx-0123456789abcdef0' does not exist";
    cloud.refuses::<op::AcceptVpcPeeringConnection>(accept(unknown), UNKNOWN, message);
    cloud.refuses::<op::RejectVpcPeeringConnection>(reject(unknown), UNKNOWN, message);
    cloud.refuses::<op::DeleteVpcPeeringConnection>(delete(unknown), UNKNOWN, message);
    let dry = api::RejectVpcPeeringConnectionRequest { dry_run: Some(true), ..reject(&id) };
    cloud.refuses::<op::RejectVpcPeeringConnection>(dry, "DryRunOperation", "…");
    let dry = api::DeleteVpcPeeringConnectionRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteVpcPeeringConnection>(dry, "DryRunOperation", "…");
    let dry = api::DescribeVpcPeeringConnectionsRequest { dry_run: Some(true), ..by_id(&id) };
    cloud.refuses::<op::DescribeVpcPeeringConnections>(dry, "DryRunOperation", "…");
    // Once the first is rejected, there can be another one.
    cloud.ok::<op::RejectVpcPeeringConnection>(reject(&id));
    create(&cloud, request(&peer, &vpc));
}

#[test]
fn filters_find_connections() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let id = active(&cloud, &vpc, &other, &peer);
    let (one, two) = (cloud.vpc("10.2.0.0/16"), cloud.vpc("10.3.0.0/16"));
    let tagged = api::CreateVpcPeeringConnectionRequest {
        tag_specifications: Some(tagged("vpc-peering-connection", &[("Name", "second")])),
        ..request(&one, &two)
    };
    let second = create(&cloud, tagged);
    let expires = cloud.now().plus_millis(7 * 24 * HOUR).to_string();
    cloud.wait(3000);
    let check = |name: &str, value: &str, expected: &str| {
        let filters = filters(&[(name, &[value])]);
        let answer =
            cloud.ok::<op::DescribeVpcPeeringConnections>(input!(DescribeVpcPeeringConnectionsRequest {
                filters
            }));
        let found: Vec<_> = answer
            .vpc_peering_connections
            .unwrap()
            .into_iter()
            .map(|held| held.vpc_peering_connection_id.unwrap())
            .collect();
        assert_eq!(found, [expected], "{name}");
    };
    check("accepter-vpc-info.cidr-block", "10.1.0.0/16", &id);
    check("accepter-vpc-info.owner-id", OTHER, &id);
    check("accepter-vpc-info.vpc-id", &two, &second);
    check("expiration-time", &expires, &second);
    check("requester-vpc-info.cidr-block", "10.2.0.0/16", &second);
    check("requester-vpc-info.vpc-id", &vpc, &id);
    check("status-code", "active", &id);
    check("status-message", "Pending Acceptance by *", &second);
    check("tag:Name", "second", &second);
    check("tag-key", "Name", &second);
    check("vpc-peering-connection-id", &id, &id);
    let owner = filters(&[("requester-vpc-info.owner-id", &["123456789012"])]);
    let answer =
        cloud.ok::<op::DescribeVpcPeeringConnections>(input!(DescribeVpcPeeringConnectionsRequest {
            filters: owner
        }));
    assert_eq!(answer.vpc_peering_connections.unwrap().len(), 2);
    let tags = filters(&[("resource-type", &["vpc-peering-connection"])]);
    let answer = cloud.ok::<op::DescribeTags>(input!(DescribeTagsRequest { filters: tags }));
    assert_eq!(answer.tags.unwrap()[0].resource_id, Some(second));
}

fn dns(
    id: &str,
    requester: Option<bool>,
    accepter: Option<bool>,
) -> api::ModifyVpcPeeringConnectionOptionsRequest {
    let options = |value: Option<bool>| {
        value.map(|value| api::PeeringConnectionOptionsRequest {
            allow_dns_resolution_from_remote_vpc: Some(value),
            ..Default::default()
        })
    };
    api::ModifyVpcPeeringConnectionOptionsRequest {
        requester_peering_connection_options: options(requester),
        accepter_peering_connection_options: options(accepter),
        vpc_peering_connection_id: id.to_owned(),
        dry_run: None,
    }
}

/// Whether the requester's and the accepter's side allow DNS resolution.
fn allowed(cloud: &Cloud, id: &str) -> (bool, bool) {
    let connection = described(cloud, id);
    let of = |side: Option<api::VpcPeeringConnectionVpcInfo>| {
        side.unwrap().peering_options.unwrap().allow_dns_resolution_from_remote_vpc.unwrap()
    };
    (of(connection.requester_vpc_info), of(connection.accepter_vpc_info))
}

#[test]
fn options_are_of_each_side() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let west = cloud.seen_by("123456789012", "us-west-2");
    let vpc = cloud.vpc("10.0.0.0/16");
    let id = create(&cloud, request_to(&vpc, &other, &other.vpc("10.1.0.0/16")));
    cloud.wait(3000);
    let message =
        format!("Peering {id} is not active. Peering options can be added only to active peerings.");
    cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(
        dns(&id, Some(true), None),
        NOT_PERMITTED,
        &message,
    );
    other.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    cloud.wait(3000);
    let answer = cloud.ok::<op::ModifyVpcPeeringConnectionOptions>(dns(&id, Some(true), None));
    assert_eq!(answer.accepter_peering_connection_options, None);
    let options = answer.requester_peering_connection_options.unwrap();
    assert_eq!(options.allow_dns_resolution_from_remote_vpc, Some(true));
    assert_eq!((allowed(&cloud, &id), allowed(&other, &id)), ((true, false), (true, false)));
    other.ok::<op::ModifyVpcPeeringConnectionOptions>(dns(&id, None, Some(true)));
    assert_eq!(allowed(&cloud, &id), (true, true));
    let message = format!("User (123456789012) cannot modify accepter options of peering {id}");
    cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(
        dns(&id, None, Some(false)),
        NOT_PERMITTED,
        &message,
    );
    let message = format!("User ({OTHER}) cannot modify requester options of peering {id}");
    other.refuses::<op::ModifyVpcPeeringConnectionOptions>(
        dns(&id, Some(false), Some(false)),
        NOT_PERMITTED,
        &message,
    );
    cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(dns(&id, None, None), "MissingParameter", "…");
    let rehearsal =
        api::ModifyVpcPeeringConnectionOptionsRequest { dry_run: Some(true), ..dns(&id, Some(false), None) };
    cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(rehearsal, "DryRunOperation", "…");
    for (classic, multipath) in [(true, None), (false, Some(true))] {
        let mut input = dns(&id, Some(true), None);
        let options = input.requester_peering_connection_options.as_mut().unwrap();
        options.allow_egress_from_local_classic_link_to_remote_vpc = Some(classic);
        options.allow_multipath_resilience = multipath;
        cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(input, "UnsupportedOperation", "…");
    }
    let regional = active(&cloud, &vpc, &west, &west.vpc("10.2.0.0/16"));
    let message = format!(
        "Incorrect region (us-east-1) specified for this request. The accepter options of VPC peering connection \
         {regional} must be modified in region us-west-2"
    );
    cloud.refuses::<op::ModifyVpcPeeringConnectionOptions>(
        dns(&regional, None, Some(true)),
        NOT_PERMITTED,
        &message,
    );
    west.ok::<op::ModifyVpcPeeringConnectionOptions>(dns(&regional, None, Some(true)));
    assert_eq!(allowed(&cloud, &regional), (false, true));
    // In one account and region, one request changes both.
    let local = active(&cloud, &vpc, &cloud, &cloud.vpc("10.3.0.0/16"));
    cloud.ok::<op::ModifyVpcPeeringConnectionOptions>(dns(&local, Some(true), Some(true)));
    assert_eq!(allowed(&cloud, &local), (true, true));
}

#[test]
fn a_vpc_takes_its_connections_with_it() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let id = create(&cloud, request_to(&vpc, &other, &peer));
    cloud.wait(3000);
    let delete_vpc = |vpc: &str| input!(DeleteVpcRequest { vpc_id: vpc });
    // Who was asked has to answer first.
    let message = format!("The vpc '{peer}' has dependencies and cannot be deleted.");
    other.refuses::<op::DeleteVpc>(delete_vpc(&peer), "DependencyViolation", &message);
    other.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    cloud.wait(3000);
    other.ok::<op::DeleteVpc>(delete_vpc(&peer));
    assert_eq!(state(&cloud, &id), "deleting");
    cloud.wait(3000);
    assert_eq!(status(&described(&cloud, &id)).1, format!("Deleted by {OTHER}"));
    let second = other.vpc("10.1.0.0/16");
    let id = create(&cloud, request_to(&vpc, &other, &second));
    cloud.wait(3000);
    cloud.ok::<op::DeleteVpc>(delete_vpc(&vpc));
    cloud.wait(3000);
    assert_eq!(state(&other, &id), "deleted");
    other.ok::<op::DeleteVpc>(delete_vpc(&second));
}

#[test]
fn peered_vpcs_get_no_blocks_that_overlap() {
    let cloud = Cloud::new();
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), cloud.vpc("10.1.0.0/16"));
    let id = active(&cloud, &vpc, &cloud, &peer);
    let add = |cidr: &str| input!(AssociateVpcCidrBlockRequest { vpc_id: &vpc, cidr_block: cidr });
    let message = format!("The CIDR '10.1.16.0/20' conflicts with a CIDR of the peered VPC {peer}");
    cloud.refuses::<op::AssociateVpcCidrBlock>(add("10.1.16.0/20"), "InvalidVpc.Conflict", &message);
    cloud.ok::<op::AssociateVpcCidrBlock>(add("10.2.0.0/16"));
    assert_eq!(described(&cloud, &id).requester_vpc_info.unwrap().cidr_block_set.unwrap().len(), 2);
    cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&id));
    cloud.ok::<op::AssociateVpcCidrBlock>(add("10.1.16.0/20"));
}

#[test]
fn routes_lead_to_a_connection() {
    let cloud = Cloud::new();
    let other = cloud.seen_by(OTHER, "us-east-1");
    let (vpc, peer) = (cloud.vpc("10.0.0.0/16"), other.vpc("10.1.0.0/16"));
    let id = create(&cloud, request_to(&vpc, &other, &peer));
    let table = |vpc: &str| {
        let made = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: vpc }));
        made.route_table.unwrap().route_table_id.unwrap()
    };
    let route = |table: &str| {
        input!(CreateRouteRequest {
            route_table_id: table,
            destination_cidr_block: "10.1.0.0/16",
            vpc_peering_connection_id: &id
        })
    };
    let held = table(&vpc);
    cloud.ok::<op::CreateRoute>(route(&held));
    let state_of_route = || {
        let input = input!(DescribeRouteTablesRequest { route_table_ids: [&held] });
        let routes =
            cloud.ok::<op::DescribeRouteTables>(input).route_tables.unwrap().remove(0).routes.unwrap();
        let found = routes.into_iter().find(|route| route.vpc_peering_connection_id.as_ref() == Some(&id));
        found.unwrap().state.unwrap()
    };
    assert_eq!(state_of_route(), "blackhole", "it is not accepted yet");
    let found = filters(&[("route.vpc-peering-connection-id", &[&id])]);
    let found = cloud.ok::<op::DescribeRouteTables>(input!(DescribeRouteTablesRequest { filters: found }));
    assert_eq!(found.route_tables.unwrap().len(), 1);
    other.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    cloud.wait(3000);
    assert_eq!(state_of_route(), "active");
    let elsewhere = table(&cloud.vpc("10.5.0.0/16"));
    let message =
        format!("route table {elsewhere} and vpc peering connection {id} belong to different networks");
    cloud.refuses::<op::CreateRoute>(route(&elsewhere), "InvalidParameterValue", &message);
    other.ok::<op::DeleteVpc>(input!(DeleteVpcRequest { vpc_id: &peer }));
    assert_eq!(state_of_route(), "blackhole");
    cloud.wait(3000);
    let message = format!("The vpcPeeringConnection '{id}' is in the state deleted.");
    let again = table(&vpc);
    cloud.refuses::<op::CreateRoute>(route(&again), "InvalidParameterValue", &message);
    cloud.wait(48 * HOUR);
    assert_eq!(state_of_route(), "blackhole", "the route stays when the connection is no longer shown");
    let message = format!("The vpcPeeringConnection ID '{id}' does not exist");
    cloud.refuses::<op::CreateRoute>(route(&again), UNKNOWN, &message);
}

#[test]
fn quotas() {
    let cloud = Cloud::without_quotas();
    let limited = Cloud::on(cloud.store.clone(), svc_ec2::Config::default());
    let vpc = cloud.vpc("10.0.0.0/16");
    let peers: Vec<_> = (1..=51).map(|number| cloud.vpc(&format!("10.{number}.0.0/16"))).collect();
    for peer in &peers[..25] {
        create(&cloud, request(&vpc, peer));
    }
    let code = "OutstandingVpcPeeringConnectionLimitExceeded";
    limited.refuses::<op::CreateVpcPeeringConnection>(request(&vpc, &peers[25]), code, "…");
    let first = create(&cloud, request(&vpc, &peers[25]));
    cloud.ok::<op::AcceptVpcPeeringConnection>(accept(&first));
    limited.refuses::<op::CreateVpcPeeringConnection>(request(&vpc, &peers[26]), code, "…");
    let all = cloud.ok::<op::DescribeVpcPeeringConnections>(input!(DescribeVpcPeeringConnectionsRequest {}));
    for connection in all.vpc_peering_connections.unwrap() {
        let id = connection.vpc_peering_connection_id.unwrap();
        if id != first {
            cloud.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
        }
    }
    for peer in &peers[26..50] {
        let id = create(&cloud, request(&vpc, peer));
        limited.ok::<op::AcceptVpcPeeringConnection>(accept(&id));
    }
    let last = create(&cloud, request(&peers[50], &vpc));
    let code = "ActiveVpcPeeringConnectionPerVpcLimitExceeded";
    limited.refuses::<op::AcceptVpcPeeringConnection>(accept(&last), code, "…");
    cloud.ok::<op::DeleteVpcPeeringConnection>(delete(&first));
    limited.ok::<op::AcceptVpcPeeringConnection>(accept(&last));
}
