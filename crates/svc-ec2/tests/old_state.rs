//! The state of older builds opens, whole, and means what it meant. `tests/states` holds a file of each of them, with
//! records of every kind that it knew; ARCHITECTURE.md says how the next one is made.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_model::{Fields, Value};
use service_api::Service;
use store::{Backend, Commit, Contents, Key, Snapshot, Store, StoreError, Stored};
use svc_ec2::{Config, Ec2};

use crate::byoip;
use crate::cloud::{Cloud, api, filters, input, op, tags};
use crate::state_file::{self, contents, kinds, open};

/// The builds whose state is kept, and the kinds of records that they had.
const BUILDS: [(&str, &[&[&str]]); 2] = [("0.1", &[&KINDS]), (NEWEST, &[&KINDS, &KINDS_AFTER_0_1])];
/// No release, but the last build before 0.2, until that release writes its own file in the place of this one.
const NEWEST: &str = "before-0.2";

/// The kinds that came after 0.1.
const KINDS_AFTER_0_1: [&str; 10] = [
    "ec2.address-transfer",
    "ec2.brought-range",
    "ec2.due",
    "ec2.ipv6-pool",
    "ec2.network-acl-association",
    "ec2.placement-group",
    "ec2.prefix-list-version",
    "ec2.public-ipv4-pool",
    "ec2.snapshot",
    "ec2.volume",
];

/// The kinds of this build that no file has yet.
const WITHOUT_RELEASE: [&str; 7] = [
    "ec2.network-insights-access-scope",
    "ec2.network-insights-access-scope-analysis",
    "ec2.network-insights-access-scope-finding",
    "ec2.network-insights-analysis",
    "ec2.network-insights-path",
    "ec2.public-pool",
    "ec2.shared-snapshot",
];

/// The kinds of 0.1. One that comes later is in the file of a later build.
const KINDS: [&str; 41] = [
    "ec2.client-token",
    "ec2.counters",
    "ec2.customer-gateway",
    "ec2.dhcp-options",
    "ec2.egress-only-internet-gateway",
    "ec2.elastic-ip",
    "ec2.flow-log",
    "ec2.free-port",
    "ec2.iam-instance-profile-association",
    "ec2.instance",
    "ec2.internet-gateway",
    "ec2.key-pair",
    "ec2.launch-template",
    "ec2.nat-gateway",
    "ec2.network-acl",
    "ec2.network-interface",
    "ec2.network-interface-permission",
    "ec2.prefix-list",
    "ec2.public-address",
    "ec2.region",
    "ec2.route-table",
    "ec2.security-group",
    "ec2.security-group-vpc-association",
    "ec2.subnet",
    "ec2.subnet-cidr-reservation",
    "ec2.subnet-last-address",
    "ec2.transit-gateway",
    "ec2.transit-gateway-attachment",
    "ec2.transit-gateway-connect-peer",
    "ec2.transit-gateway-route-table",
    "ec2.vpc",
    "ec2.vpc-block-public-access-exclusion",
    "ec2.vpc-block-public-access-options",
    "ec2.vpc-endpoint",
    "ec2.vpc-endpoint-connection",
    "ec2.vpc-endpoint-connection-notification",
    "ec2.vpc-endpoint-service",
    "ec2.vpc-endpoint-service-owner",
    "ec2.vpc-peering-connection",
    "ec2.vpn-connection",
    "ec2.vpn-gateway",
];

/// Members that 0.1 knew and the builds before it did not: records without them open too.
const ADDED: [(&str, &str); 5] = [
    ("ec2.client-token", "fingerprint"),
    ("ec2.instance", "auto_recovery_disabled"),
    ("ec2.instance", "skip_os_shutdown"),
    ("ec2.network-interface", "kind"),
    ("ec2.route-table", "propagating"),
];

fn file(release: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/states").join(format!("{release}.redb.gz"))
}

/// What a build finds that opens these contents, without a file.
struct Held(Contents);

impl Backend for Held {
    fn load(&mut self) -> Result<Contents, StoreError> {
        Ok(std::mem::take(&mut self.0))
    }

    fn commit(&mut self, _: &[Commit]) -> Result<(), StoreError> {
        Ok(())
    }

    fn restore(&mut self, _: &Snapshot) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Makes something of every kind.
fn make_everything(cloud: &Cloud) {
    let vpc = cloud.default_vpc();
    let subnets = cloud.ok::<op::DescribeSubnets>(input!(DescribeSubnetsRequest {})).subnets.unwrap();
    let subnet = subnets[0].subnet_id.clone().unwrap();
    let other = cloud.vpc("10.9.0.0/16");
    let other_subnet = cloud.subnet(&other, "10.9.0.0/24");
    let instance = cloud.run(api::RunInstancesRequest {
        subnet_id: Some(subnet.clone()),
        client_token: Some("t".to_owned()),
        ..cloud.launch()
    });
    let instance = instance[0].instance_id.clone().unwrap();
    assert!(cloud.ec2.instance_started(&cloud.scope(), instance.parse().unwrap(), cloud.now()).unwrap());
    let interface = cloud.interface(&subnet);
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: [&vpc, &subnet, &instance, &interface],
        tags: tags(&[("kept", "yes")]),
    }));
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: cloud.interface(&subnet)
    }));
    cloud.ok::<op::CreateNetworkInterfacePermission>(input!(CreateNetworkInterfacePermissionRequest {
        network_interface_id: &interface,
        aws_account_id: "210987654321",
        permission: "INSTANCE-ATTACH",
    }));
    cloud.instance_profile("/", "app");
    cloud.ok::<op::AssociateIamInstanceProfile>(input!(AssociateIamInstanceProfileRequest {
        instance_id: &instance,
        iam_instance_profile: input!(IamInstanceProfileSpecification { name: "app" }),
    }));
    cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "k", key_type: "ed25519" }));
    cloud.ok::<op::CreateLaunchTemplate>(input!(CreateLaunchTemplateRequest {
        launch_template_name: "web",
        launch_template_data: input!(RequestLaunchTemplateData { instance_type: "t3.micro" }),
    }));
    cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    cloud.ok::<op::CreateNatGateway>(input!(CreateNatGatewayRequest {
        subnet_id: &subnet,
        connectivity_type: "private"
    }));
    cloud.ok::<op::CreateSubnetCidrReservation>(input!(CreateSubnetCidrReservationRequest {
        subnet_id: &other_subnet,
        cidr: "10.9.0.128/28",
        reservation_type: "prefix"
    }));
    cloud.ok::<op::CreateEgressOnlyInternetGateway>(input!(CreateEgressOnlyInternetGatewayRequest {
        vpc_id: &vpc
    }));
    cloud.ok::<op::AssociateSecurityGroupVpc>(input!(AssociateSecurityGroupVpcRequest {
        group_id: cloud.group(&other, "web"),
        vpc_id: cloud.vpc("10.7.0.0/16")
    }));
    let entry = |cidr: &str| vec![api::AddPrefixListEntry { cidr: cidr.to_owned(), description: None }];
    let list = cloud.ok::<op::CreateManagedPrefixList>(input!(CreateManagedPrefixListRequest {
        prefix_list_name: "offices",
        address_family: "IPv4",
        max_entries: 3,
        entries: entry("192.0.2.0/24"),
    }));
    cloud.wait(1000);
    cloud.ok::<op::ModifyManagedPrefixList>(input!(ModifyManagedPrefixListRequest {
        prefix_list_id: list.prefix_list.unwrap().prefix_list_id.unwrap(),
        current_version: 1_i64,
        add_entries: entry("198.51.100.0/24"),
    }));
    cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(input!(ModifyVpcBlockPublicAccessOptionsRequest {
        internet_gateway_block_mode: "block-ingress"
    }));
    cloud.ok::<op::CreateVpcBlockPublicAccessExclusion>(input!(CreateVpcBlockPublicAccessExclusionRequest {
        vpc_id: &vpc,
        internet_gateway_exclusion_mode: "allow-bidirectional"
    }));
    cloud.ok::<op::CreateVpcPeeringConnection>(input!(CreateVpcPeeringConnectionRequest {
        vpc_id: &vpc,
        peer_vpc_id: &other
    }));
    cloud.ok::<op::CreateFlowLogs>(input!(CreateFlowLogsRequest {
        resource_type: "VPC",
        resource_ids: [&vpc],
        traffic_type: "ALL",
        log_destination_type: "s3",
        log_destination: "arn:aws:s3:::bucket"
    }));
    make_gateways(cloud);
    make_endpoints(cloud, &vpc);
    make_storage_and_addresses(cloud);
}

fn make_storage_and_addresses(cloud: &Cloud) {
    let volume = input!(CreateVolumeRequest { availability_zone: "us-east-1a", size: 1 });
    let volume = cloud.ok::<op::CreateVolume>(volume).volume_id.unwrap();
    cloud.wait(1000);
    cloud.ok::<op::CreateSnapshot>(input!(CreateSnapshotRequest { volume_id: volume, description: "kept" }));
    cloud.ok::<op::CreatePlacementGroup>(input!(CreatePlacementGroupRequest {
        group_name: "kept",
        strategy: "partition",
        partition_count: 3
    }));
    let pool = byoip::pool(cloud, "203.0.113.0/24");
    cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest { public_ipv4_pool: pool }));
    byoip::pool(cloud, "2001:db8::/44");
    let offered = cloud.ok::<op::AllocateAddress>(input!(AllocateAddressRequest {}));
    cloud.ok::<op::EnableAddressTransfer>(input!(EnableAddressTransferRequest {
        allocation_id: offered.allocation_id.unwrap(),
        transfer_account_id: "210987654321"
    }));
}

fn make_gateways(cloud: &Cloud) {
    let vpn = cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let customer = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let customer = cloud.ok::<op::CreateCustomerGateway>(customer).customer_gateway.unwrap();
    cloud.ok::<op::CreateVpnConnection>(input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: customer.customer_gateway_id.unwrap(),
        vpn_gateway_id: vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap()
    }));
    let options = input!(TransitGatewayRequestOptions { transit_gateway_cidr_blocks: ["10.99.0.0/24"] });
    let transit = cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest { options }));
    let transit = transit.transit_gateway.unwrap().transit_gateway_id.unwrap();
    cloud.wait(1000);
    let vpc = cloud.vpc("10.8.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.8.0.0/24");
    let attached =
        cloud.ok::<op::CreateTransitGatewayVpcAttachment>(input!(CreateTransitGatewayVpcAttachmentRequest {
            transit_gateway_id: &transit,
            vpc_id: &vpc,
            subnet_ids: [&subnet]
        }));
    let attached = attached.transit_gateway_vpc_attachment.unwrap();
    cloud.wait(1000);
    let options = input!(CreateTransitGatewayConnectRequestOptions { protocol: "gre" });
    let connect = cloud.ok::<op::CreateTransitGatewayConnect>(input!(CreateTransitGatewayConnectRequest {
        transport_transit_gateway_attachment_id: attached.transit_gateway_attachment_id.unwrap(),
        options
    }));
    let connect = connect.transit_gateway_connect.unwrap();
    cloud.wait(1000);
    cloud.ok::<op::CreateTransitGatewayConnectPeer>(input!(CreateTransitGatewayConnectPeerRequest {
        transit_gateway_attachment_id: connect.transit_gateway_attachment_id.unwrap(),
        peer_address: "10.8.0.10",
        inside_cidr_blocks: ["169.254.6.0/29"],
    }));
}

fn make_endpoints(cloud: &Cloud, vpc: &str) {
    cloud.ok::<op::CreateVpcEndpoint>(input!(CreateVpcEndpointRequest {
        vpc_id: vpc,
        service_name: "com.amazonaws.us-east-1.s3"
    }));
    let balancer = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/n/0123456789abcdef";
    let service = cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(input!(
        CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [balancer] }
    ));
    let service = service.service_configuration.unwrap();
    cloud.ok::<op::CreateVpcEndpoint>(input!(CreateVpcEndpointRequest {
        vpc_id: vpc,
        service_name: service.service_name.clone().unwrap(),
        vpc_endpoint_type: "Interface",
    }));
    cloud.ok::<op::CreateVpcEndpointConnectionNotification>(input!(
        CreateVpcEndpointConnectionNotificationRequest {
            service_id: service.service_id.unwrap(),
            connection_notification_arn: "arn:aws:sns:us-east-1:123456789012:news",
            connection_events: ["Accept"],
        }
    ));
}

/// How the newest build's file is made, with its code: `cargo nextest run -p svc-ec2 --run-ignored only write_state`.
#[test]
#[ignore = "writes the state file of a release"]
fn write_state() {
    let made = state_file::write(&file(NEWEST), |store| {
        make_everything(&Cloud::on(store, Config::default()));
    });
    let missing: Vec<&str> = all_kinds().into_iter().filter(|kind| !made.contains(kind)).collect();
    assert!(missing.is_empty(), "nothing of {missing:?} was made");
}

fn all_kinds() -> BTreeSet<&'static str> {
    state_file::names(Ec2::record_kinds())
}

#[test]
fn every_kind_of_record_is_in_the_state_of_a_release() {
    let kept = BUILDS.last().unwrap().1.iter().copied().flatten().copied();
    let kept: BTreeSet<&str> = kept.chain(WITHOUT_RELEASE).collect();
    assert_eq!(kept, all_kinds());
}

#[test]
fn the_state_of_every_release_opens() {
    for (release, kinds_then) in BUILDS {
        let directory = state_file::directory(&file(release));
        let before = contents(&directory);
        let found = kinds(&before);
        for kind in kinds_then.iter().copied().flatten() {
            assert!(found.contains(kind), "{release} has no {kind}");
        }
        let store = open(&directory);
        Ec2::check_records(&store).unwrap();
        Ec2::upgrade_records(&store).unwrap();
        let cloud = Cloud::on(store, Config::default());
        // Longer than what was under way takes.
        cloud.wait(60_000);
        let kept = || filters(&[("tag:kept", &["yes"])]);
        let vpcs =
            cloud.ok::<op::DescribeVpcs>(input!(DescribeVpcsRequest { filters: kept() })).vpcs.unwrap();
        assert_eq!((vpcs.len(), vpcs[0].cidr_block.as_deref()), (1, Some("172.31.0.0/16")), "{release}");
        let subnets = input!(DescribeSubnetsRequest { filters: kept() });
        let subnets = cloud.ok::<op::DescribeSubnets>(subnets).subnets.unwrap();
        assert_eq!(subnets[0].vpc_id, vpcs[0].vpc_id);
        let subnet = subnets[0].subnet_id.clone().unwrap();
        let acls = filters(&[("association.subnet-id", &[&subnet]), ("default", &["true"])]);
        let acls = cloud.ok::<op::DescribeNetworkAcls>(input!(DescribeNetworkAclsRequest { filters: acls }));
        assert_eq!(acls.network_acls.unwrap()[0].vpc_id, vpcs[0].vpc_id);
        let instances = input!(DescribeInstancesRequest { filters: kept() });
        let instances = cloud.ok::<op::DescribeInstances>(instances).reservations.unwrap().remove(0);
        let instance = instances.instances.unwrap().remove(0);
        assert_eq!(instance.state.unwrap().name.as_deref(), Some("running"));
        assert_eq!(instance.iam_instance_profile.unwrap().arn.unwrap().rsplit('/').next(), Some("app"));
        let lists = filters(&[("prefix-list-name", &["offices"])]);
        let lists = input!(DescribeManagedPrefixListsRequest { filters: lists });
        let lists = cloud.ok::<op::DescribeManagedPrefixLists>(lists).prefix_lists.unwrap();
        assert_eq!(lists[0].max_entries, Some(3));
        // Whatever can be asked for without naming anything is answered.
        let mut answered = 0;
        for operation in Ec2::operation_names().filter(|name| name.starts_with("Describe")) {
            let answer = cloud.ec2.call(&cloud.context(), operation, Value::Structure(Fields::new()));
            answered += usize::from(answer.is_ok());
        }
        assert!(answered > 30, "{release}: only {answered} are answered");
        // What is made now comes beside what was there, and nothing else is lost.
        cloud.vpc("10.200.0.0/16");
        drop(cloud);
        let after = contents(&directory);
        let keys: BTreeSet<&Key> = after.records.iter().map(|(key, _)| key).collect();
        for (key, _) in &before.records {
            let may_go = ["ec2.client-token", "ec2.due", "ec2.free-port"].contains(&key.kind);
            assert!(may_go || keys.contains(key), "{release}: {key:?} is gone");
        }
    }
}

#[test]
fn what_came_after_0_1_means_what_it_meant() {
    let directory = state_file::directory(&file(NEWEST));
    let store = open(&directory);
    Ec2::upgrade_records(&store).unwrap();
    let cloud = Cloud::on(store, Config::default());
    cloud.wait(60_000);
    let groups = cloud.ok::<op::DescribePlacementGroups>(input!(DescribePlacementGroupsRequest {}));
    assert_eq!(groups.placement_groups.unwrap()[0].partition_count, Some(3));
    let snapshots = input!(DescribeSnapshotsRequest { owner_ids: ["self"] });
    let snapshots = cloud.ok::<op::DescribeSnapshots>(snapshots).snapshots.unwrap();
    assert_eq!(snapshots[0].description.as_deref(), Some("kept"));
    let volumes = filters(&[("volume-id", &[snapshots[0].volume_id.as_deref().unwrap()])]);
    let volumes = cloud.ok::<op::DescribeVolumes>(input!(DescribeVolumesRequest { filters: volumes }));
    assert_eq!(volumes.volumes.unwrap()[0].size, Some(1));
    let ranges = input!(DescribeByoipCidrsRequest { max_results: 10 });
    let ranges = cloud.ok::<op::DescribeByoipCidrs>(ranges).byoip_cidrs.unwrap();
    let states: Vec<_> = ranges.iter().map(|range| range.state.as_deref().unwrap()).collect();
    assert_eq!(states, ["provisioned", "provisioned"]);
    let pools = cloud.ok::<op::DescribePublicIpv4Pools>(input!(DescribePublicIpv4PoolsRequest {}));
    assert_eq!(pools.public_ipv4_pools.unwrap()[0].total_available_address_count, Some(255));
    // The range is the account's alone, and its address taken.
    let other = cloud.seen_by("210987654321", "us-west-2");
    other.refuses::<op::ProvisionByoipCidr>(
        byoip::request_of("210987654321", "203.0.113.0/24"),
        "InvalidParameterValue",
        "…",
    );
    let transfers = cloud.ok::<op::DescribeAddressTransfers>(input!(DescribeAddressTransfersRequest {}));
    let offered = transfers.address_transfers.unwrap().remove(0);
    cloud.seen_by("210987654321", "us-east-1").ok::<op::AcceptAddressTransfer>(input!(
        AcceptAddressTransferRequest { address: offered.public_ip.unwrap() }
    ));
    let lists = filters(&[("prefix-list-name", &["offices"])]);
    let lists = input!(DescribeManagedPrefixListsRequest { filters: lists });
    let lists = cloud.ok::<op::DescribeManagedPrefixLists>(lists).prefix_lists.unwrap();
    let first = input!(GetManagedPrefixListEntriesRequest {
        prefix_list_id: lists[0].prefix_list_id.clone().unwrap(),
        target_version: 1_i64
    });
    assert_eq!(cloud.ok::<op::GetManagedPrefixListEntries>(first).entries.unwrap().len(), 1);
}

/// Opens a release's state with one of its records changed, as a build of another time would have written it.
fn open_changed(release: &str, kind: &str, change: impl Fn(&str) -> String) -> Result<Store, StoreError> {
    let mut contents = contents(&state_file::directory(&file(release)));
    let mut changed = 0;
    for (key, stored) in &mut contents.records {
        if key.kind == kind {
            let text = String::from_utf8(stored.to_bytes()).unwrap();
            *stored = Stored::from_bytes(change(&text).as_bytes());
            changed += 1;
        }
    }
    assert!(changed > 0, "{kind}");
    let store = Store::open(Held(contents)).unwrap();
    Ec2::check_records(&store)?;
    Ec2::upgrade_records(&store).map(|()| store)
}

#[test]
fn records_from_before_a_member_was_added_open() {
    for (kind, member) in ADDED {
        let without = |text: &str| {
            let (version, json) = text.split_once('\n').unwrap();
            let mut json: serde_json::Value = serde_json::from_str(json).unwrap();
            assert!(json.as_object_mut().unwrap().remove(member).is_some(), "{kind} has no {member}");
            format!("{version}\n{json}")
        };
        let store =
            open_changed("0.1", kind, without).unwrap_or_else(|error| panic!("{kind}, {member}: {error}"));
        let cloud = Cloud::on(store, Config::default());
        let reservations =
            cloud.ok::<op::DescribeInstances>(input!(DescribeInstancesRequest {})).reservations;
        assert_eq!(reservations.unwrap().len(), 1, "{kind}, {member}");
    }
}

#[test]
fn records_of_a_newer_build_are_refused() {
    let newer = |text: &str| format!("1000000\n{}", text.split_once('\n').unwrap().1);
    for kind in KINDS.into_iter().chain(KINDS_AFTER_0_1) {
        let error = open_changed(NEWEST, kind, newer).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(kind) && error.contains("version 1000000"), "{kind}: {error}");
    }
}

#[test]
fn a_record_that_lost_a_member_is_refused_and_not_dropped() {
    let error = open_changed("0.1", "ec2.vpc", |_| "1\n{}".to_owned()).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("ec2.vpc") && error.contains("missing field"), "{error}");
}
