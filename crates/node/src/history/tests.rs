//! What is kept of a cloud's configurations, through restarts and damage.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_api::ec2::{self as api, operation as op};
use store::Read as _;
use svc_ec2::record as ec2;

use super::*;
use crate::expectations::{DiffReport, DiffRequest, compare_for_tests};
use crate::projection::Projector;
use crate::testing::Ec2Cloud;

/// A cloud whose commits a history takes in when it is told to.
struct Kept {
    cloud: Ec2Cloud,
    directory: tempfile::TempDir,
    history: Arc<History>,
    tail: store::Tail,
}

impl Kept {
    fn new() -> Self {
        let cloud = Ec2Cloud::new();
        let directory = tempfile::tempdir().unwrap();
        let history = Arc::new(History::open(cloud.store.clone(), directory.path().to_owned()));
        let tail = cloud.store.tail(cloud.store.snapshot().revision());
        Self { cloud, directory, history, tail }
    }

    /// Takes in what was committed, and answers the newest revision.
    fn follow(&mut self) -> u64 {
        while let Some(commit) = self.tail.try_next().unwrap() {
            self.history.record(&commit);
        }
        self.cloud.store.snapshot().revision().0
    }

    /// What a daemon does that is started again.
    fn restart(&mut self) {
        self.history = Arc::new(History::open(self.cloud.store.clone(), self.directory.path().to_owned()));
        self.tail = self.cloud.store.tail(self.cloud.store.snapshot().revision());
    }

    fn groups(&self, revision: u64) -> Result<usize, String> {
        let past = self.history.at(Revision(revision))?;
        Ok(past.records.scan_all::<ec2::SecurityGroup>().count())
    }

    fn diff(&self, from: u64, to: u64, traffic: &[&str]) -> DiffReport {
        let traffic = traffic.iter().map(|said| said.parse().unwrap()).collect();
        compare_for_tests(&self.history, &DiffRequest { from, to, traffic }, false).unwrap()
    }
}

#[test]
fn every_revision_is_as_it_was_also_after_a_restart() {
    let mut kept = Kept::new();
    let first = kept.follow();
    let (vpc, _) = kept.cloud.vpc();
    let before = kept.follow();
    let group = kept.cloud.group(&vpc, "web");
    let after = kept.follow();
    assert_eq!(after, before + 1);
    for restarts in 0..2 {
        let groups = [before, after].map(|revision| kept.groups(revision).unwrap());
        assert_eq!(groups[0] + 1, groups[1], "{restarts}");
        let list = kept.history.list();
        assert_eq!((list.newest, &list.kept[..]), (after, &[(first, after)][..]), "{restarts}");
        let entry = list.entries.last().unwrap();
        assert_eq!(
            (entry.revision, &entry.changes[..]),
            (after, &[format!("security-group {group} made")][..])
        );
        kept.restart();
    }
    // A new commit goes on in the same file.
    kept.cloud.group(&vpc, "db");
    let newest = kept.follow();
    assert_eq!(kept.history.list().kept, [(first, newest)]);
    let error = kept.groups(newest + 1).unwrap_err();
    assert!(error.contains(&format!("there is no revision {} yet", newest + 1)), "{error}");
}

#[test]
fn what_nobody_wrote_down_is_not_kept_and_said_so() {
    let mut kept = Kept::new();
    let first = kept.follow();
    let (vpc, _) = kept.cloud.vpc();
    // A daemon that was killed before it wrote these down.
    kept.restart();
    let newest = kept.cloud.store.snapshot().revision().0;
    assert_eq!(kept.history.list().kept, [(first, first), (newest, newest)]);
    let error = kept.groups(first + 1).unwrap_err();
    assert!(
        error.contains(&format!("is not kept any more; kept are {first} to {first}, {newest} to {newest}")),
        "{error}"
    );
    kept.cloud.group(&vpc, "web");
    kept.follow();
    assert!(kept.groups(newest).is_ok());
}

#[test]
fn a_damaged_history_is_begun_anew() {
    let mut kept = Kept::new();
    kept.cloud.vpc();
    let newest = kept.follow();
    let file = kept.history.files().unwrap().pop().unwrap().1;
    let whole = std::fs::read(&file).unwrap();
    // Torn in its last commit: cut off there, and a state of now begins the next file.
    std::fs::write(&file, &whole[..whole.len() - 3]).unwrap();
    kept.restart();
    assert!(kept.groups(newest).is_ok() && kept.groups(newest - 1).is_ok());
    std::fs::write(&file, b"nothing of the kind").unwrap();
    kept.restart();
    assert!(kept.groups(newest).is_ok() && kept.groups(newest - 1).is_err());
    // A file in the place of the directory: nothing is kept, and nothing fails.
    let nowhere = kept.directory.path().join("file");
    std::fs::write(&nowhere, b"").unwrap();
    let history = History::open(kept.cloud.store.clone(), nowhere);
    assert_eq!(history.list().kept, []);
    assert!(history.at(Revision(newest)).is_ok(), "the newest is in the store");
}

/// A store of before the last commits, as from a backup.
#[test]
fn revisions_that_a_restored_store_does_not_have_are_forgotten() {
    let mut kept = Kept::new();
    let (vpc, _) = kept.cloud.vpc();
    let first = kept.follow();
    let group = kept.cloud.group(&vpc, "web");
    kept.follow();
    kept.cloud.group(&vpc, "db");
    let cut = kept.follow();
    kept.history.begin(&mut kept.history.state.lock()).unwrap();
    kept.cloud.group(&vpc, "more");
    let last = kept.follow();
    assert_eq!((cut, last), (first + 2, first + 3));
    // Another cloud stands for the restored one: it is at a revision that the first file has in its middle.
    let restored = Ec2Cloud::new();
    let mut newest = restored.store.snapshot().revision().0;
    while newest < first + 1 {
        restored.ok::<op::CreateInternetGateway>(Default::default());
        newest = restored.store.snapshot().revision().0;
    }
    assert_eq!(newest, first + 1);
    kept.cloud = restored;
    kept.restart();
    assert_eq!(kept.history.list().kept.last().unwrap().1, newest);
    while newest < last + 1 {
        kept.cloud.ok::<op::CreateInternetGateway>(Default::default());
        newest = kept.follow();
    }
    for entry in kept.history.list().entries.iter().filter(|entry| entry.revision > first + 1) {
        assert!(entry.changes[0].starts_with("internet-gateway "), "{entry:?}");
    }
    let past = kept.history.at(Revision(last)).unwrap();
    let names = past.records.scan_all::<ec2::SecurityGroup>().map(|(_, _, held)| held.name.clone());
    assert!(!names.collect::<Vec<_>>().contains(&"more".to_owned()), "{group}");
}

#[test]
fn the_oldest_goes_when_there_is_too_much() {
    let mut kept = Kept::new();
    let mut expect = Vec::new();
    for number in 0..SEGMENTS_MAX + 3 {
        kept.cloud.ok::<op::CreateInternetGateway>(Default::default());
        let newest = kept.follow();
        kept.history.begin(&mut kept.history.state.lock()).unwrap();
        expect.push(newest);
        assert!(kept.history.files().unwrap().len() <= SEGMENTS_MAX, "{number}");
    }
    assert!(kept.groups(expect[1]).is_err());
    assert!(kept.groups(expect[4]).is_ok());
}

#[test]
fn what_is_kept_is_all_that_a_network_is_made_of() {
    let mut kept = Kept::new();
    let (vpc, subnet) = kept.cloud.vpc();
    let group = kept.cloud.group(&vpc, "web");
    kept.cloud.allow(&group, (80, 80), "0.0.0.0/0");
    let web = kept.cloud.interface(&subnet, &group, "10.0.0.5", &[("Name", "web")]);
    kept.cloud.publish(&vpc, &web);
    let revision = kept.follow();
    let whole = kept.cloud.store.snapshot();
    kept.cloud.group(&vpc, "later");
    kept.follow();
    let past = kept.history.at(Revision(revision)).unwrap();
    let everything = |records: &Snapshot| Projector::default().everything(records, past.at).deltas;
    assert_eq!(everything(&past.records), everything(&whole));
}

/// The kinds of records that no network is made of. One that is in neither list is to be put into one of them.
const LEFT_OUT: &[&str] = &[
    "account.alternate-contact",
    "account.email",
    "account.email-update",
    "account.root-key",
    "backup.plan",
    "backup.plan-version",
    "backup.selection",
    "backup.vault",
    "cloudtrail.trail",
    "ec2.address-transfer",
    "ec2.brought-range",
    "ec2.client-token",
    "ec2.counters",
    "ec2.customer-gateway",
    "ec2.due",
    "ec2.flow-log",
    "ec2.free-port",
    "ec2.iam-instance-profile-association",
    "ec2.instance",
    "ec2.ipv6-pool",
    "ec2.key-pair",
    "ec2.launch-template",
    "ec2.network-insights-access-scope",
    "ec2.network-insights-access-scope-analysis",
    "ec2.network-insights-access-scope-finding",
    "ec2.network-insights-analysis",
    "ec2.network-insights-path",
    "ec2.network-interface-permission",
    "ec2.placement-group",
    "ec2.prefix-list-version",
    "ec2.public-address",
    "ec2.public-ipv4-pool",
    "ec2.region",
    "ec2.security-group-vpc-association",
    "ec2.shared-snapshot",
    "ec2.snapshot",
    "ec2.subnet-cidr-reservation",
    "ec2.subnet-last-address",
    "ec2.transit-gateway-connect-peer",
    "ec2.volume",
    "ec2.vpc-endpoint-connection",
    "ec2.vpc-endpoint-connection-notification",
    "ec2.vpc-endpoint-service",
    "ec2.vpc-endpoint-service-owner",
    "iam.access-key",
    "iam.access-key-use",
    "iam.account-alias",
    "iam.credential-report",
    "iam.deletion-task",
    "iam.group",
    "iam.instance-profile",
    "iam.last-accessed-report",
    "iam.login-profile",
    "iam.managed-policy",
    "iam.open-id-connect-provider",
    "iam.password-policy",
    "iam.provider-keys",
    "iam.role",
    "iam.role-use",
    "iam.root-access",
    "iam.saml-provider",
    "iam.server-certificate",
    "iam.service-specific-credential",
    "iam.service-uses",
    "iam.signing-certificate",
    "iam.ssh-public-key",
    "iam.token-preference",
    "iam.user",
    "iam.virtual-mfa-device",
    "organizations.account-request",
    "organizations.handshake",
    "organizations.member",
    "organizations.membership",
    "organizations.organization",
    "organizations.policy",
    "organizations.unit",
    "ram.invitation",
    "ram.resource-share",
    "s3.bucket",
    "s3.seal-secret",
    "service-quotas.applied",
    "service-quotas.change",
    "ssm.assignment",
    "ssm.command",
    "ssm.invocation",
    "ssm.managed-instance",
    "ssm.parameter",
    "ssm.parameter-version",
    "sts.token-key",
];

#[test]
fn every_kind_of_record_is_kept_or_left_out_on_purpose() {
    let all: BTreeSet<&str> = crate::record_kinds().map(|kind| kind.name()).collect();
    let left_out: BTreeSet<&str> = all.iter().copied().filter(|kind| !is_kept(kind)).collect();
    assert_eq!(left_out, LEFT_OUT.iter().copied().collect());
    assert!(LOOKED_UP.iter().all(|kind| all.contains(kind)));
    assert!(SECRETS.iter().all(|(kind, _)| is_kept(kind)));
}

/// Of a connection by VPN the routes are kept, and the keys are not: neither those that are given nor those that are made.
#[test]
fn keys_of_tunnels_are_not_written() {
    let mut kept = Kept::new();
    let (vpc, _) = kept.cloud.vpc();
    let made = kept.cloud.ok::<op::CreateVpnGateway>(api::CreateVpnGatewayRequest {
        r#type: "ipsec.1".to_owned(),
        ..Default::default()
    });
    let gateway = made.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    kept.cloud.ok::<op::AttachVpnGateway>(api::AttachVpnGatewayRequest {
        vpc_id: vpc,
        vpn_gateway_id: gateway.clone(),
        ..Default::default()
    });
    let made = kept.cloud.ok::<op::CreateCustomerGateway>(api::CreateCustomerGatewayRequest {
        r#type: "ipsec.1".to_owned(),
        ip_address: Some("203.0.113.9".to_owned()),
        ..Default::default()
    });
    let tunnel = api::VpnTunnelOptionsSpecification {
        pre_shared_key: Some("A_key_that_is_given".to_owned()),
        ..Default::default()
    };
    let options = api::VpnConnectionOptionsSpecification {
        static_routes_only: Some(true),
        tunnel_options: Some(vec![tunnel, Default::default()]),
        ..Default::default()
    };
    let made = kept.cloud.ok::<op::CreateVpnConnection>(api::CreateVpnConnectionRequest {
        customer_gateway_id: made.customer_gateway.unwrap().customer_gateway_id.unwrap(),
        r#type: "ipsec.1".to_owned(),
        vpn_gateway_id: Some(gateway),
        options: Some(options),
        ..Default::default()
    });
    let revision = kept.follow();
    // Once as commits, and once as a state.
    kept.history.begin(&mut kept.history.state.lock()).unwrap();
    kept.cloud.group(&kept.cloud.vpc().0, "later");
    kept.follow();

    let whole = kept.cloud.store.snapshot();
    let (_, _, stored) = whole.scan_all::<ec2::VpnConnection>().next().unwrap();
    let keys: Vec<&String> = stored.tunnels.iter().map(|tunnel| &tunnel.pre_shared_key).collect();
    assert!(keys.len() == 2 && keys.iter().all(|key| key.len() > 8), "{keys:?}");
    let id = made.vpn_connection.unwrap().vpn_connection_id.unwrap();
    let mut with_connection = 0;
    for (_, path) in kept.history.files().unwrap() {
        let bytes = std::fs::read(&path).unwrap();
        let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
        with_connection += usize::from(has(&id));
        assert!(!keys.iter().any(|key| has(key)), "{}", path.display());
    }
    assert_eq!(with_connection, 2);
    let past = kept.history.at(Revision(revision)).unwrap();
    let (_, _, read) = past.records.scan_all::<ec2::VpnConnection>().next().unwrap();
    assert_eq!((&read.gateway, &read.routes), (&stored.gateway, &stored.routes));
    assert!(read.tunnels.iter().all(|tunnel| tunnel.pre_shared_key.is_empty()));
}

/// A web server, a database, and the revisions around a rule that lets the one reach the other.
#[test]
fn a_rule_changes_what_it_says_and_nothing_else() {
    let mut kept = Kept::new();
    let (vpc, subnet) = kept.cloud.vpc();
    let [front, data] = ["front", "data"].map(|name| kept.cloud.group(&vpc, name));
    let web = kept.cloud.interface(&subnet, &front, "10.0.0.5", &[("Name", "web")]);
    let db = kept.cloud.interface(&subnet, &data, "10.0.0.6", &[("Name", "db")]);
    kept.cloud.interface(&subnet, &front, "10.0.0.7", &[("Name", "other")]);
    let before = kept.follow();
    kept.cloud.allow(&data, (5432, 5440), "10.0.0.5/32");
    let after = kept.follow();

    let report = kept.diff(before, after, &[]);
    let [change] = &report.changes[..] else { panic!("{report:#?}") };
    assert_eq!((change.from.clone(), change.to.clone()), (format!("{web} (web)"), format!("{db} (db)")));
    assert_eq!((change.protocol.as_str(), change.ports, change.is_added), ("tcp", Some((5432, 5440)), true));
    assert_eq!(change.packets, "10.0.0.5:1024-65535 > 10.0.0.6:5432-5440");
    assert!(change.why[0].starts_with("ingress rule sgr-"), "{change:?}");
    // The database with each of the two others and with the internet, both ways.
    assert_eq!(report.pairs, 6);

    let back = kept.diff(after, before, &["tcp/5435"]);
    let [change] = &back.changes[..] else { panic!("{back:#?}") };
    assert_eq!((change.ports, change.is_added), (Some((5435, 5435)), false));
    assert!(change.why[0].starts_with("no ingress rule of the security groups of"), "{change:?}");
    assert!(kept.diff(before, after, &["udp", "tcp/1-5431", "ping"]).changes.is_empty());
    assert!(kept.diff(after, after, &[]).changes.is_empty());
}

#[test]
fn what_comes_to_the_internet_and_what_is_new_is_told() {
    let mut kept = Kept::new();
    let (vpc, subnet) = kept.cloud.vpc();
    let front = kept.cloud.group(&vpc, "front");
    kept.cloud.allow(&front, (443, 443), "203.0.113.0/24");
    let web = kept.cloud.interface(&subnet, &front, "10.0.0.5", &[("Name", "web")]);
    let closed = kept.follow();
    kept.cloud.publish(&vpc, &web);
    let open = kept.follow();
    let report = kept.diff(closed, open, &["tcp/443"]);
    let of = |report: &DiffReport, from: &str| -> Vec<(bool, String)> {
        let of = report.changes.iter().filter(|change| change.from.starts_with(from));
        of.map(|change| (change.is_added, change.packets.clone())).collect()
    };
    let from_outside = of(&report, "internet");
    assert_eq!(from_outside.len(), 1, "{report:#?}");
    assert!(from_outside[0].1.starts_with("203.0.113.0-203.0.113.255:1024-65535 > 198.1"), "{report:#?}");
    assert!(
        !of(&report, &web).is_empty() && report.changes.iter().all(|change| change.is_added),
        "{report:#?}"
    );
    assert!(
        report.changes.iter().any(|change| change.why.iter().any(|why| why.starts_with("rtb-"))),
        "{report:#?}"
    );

    let other = kept.cloud.interface(&subnet, &front, "10.0.0.9", &[]);
    let more = kept.follow();
    let report = kept.diff(open, more, &["ping"]);
    assert!(report.changes.iter().all(|change| change.from == other || change.to == other), "{report:#?}");
    assert_eq!(
        of(&report, &other),
        [],
        "nothing is let in to web by ping, and to the internet there is no address"
    );
}

/// What is not compared has not changed: each step of a small network, with all pairs and with those that are concerned.
#[test]
fn who_is_not_concerned_is_reached_as_before() {
    let mut kept = Kept::new();
    let (vpc, subnet) = kept.cloud.vpc();
    let groups = ["a", "b", "c"].map(|name| kept.cloud.group(&vpc, name));
    let mut steps = vec![kept.follow()];
    for (number, group) in (5..).zip(&groups) {
        kept.cloud.interface(&subnet, group, &format!("10.0.0.{number}"), &[]);
        steps.push(kept.follow());
    }
    kept.cloud.allow(&groups[0], (80, 90), "10.0.0.0/30");
    steps.push(kept.follow());
    kept.cloud.allow(&groups[1], (1, 65_535), "10.0.0.5/32");
    steps.push(kept.follow());
    let router = kept.cloud.interface(&subnet, &groups[2], "10.0.0.20", &[]);
    steps.push(kept.follow());
    kept.cloud.ok::<op::ModifyNetworkInterfaceAttribute>(api::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: router.clone(),
        source_dest_check: Some(api::AttributeBooleanValue { value: Some(false) }),
        ..Default::default()
    });
    steps.push(kept.follow());
    kept.cloud.publish(&vpc, &router);
    steps.push(kept.follow());
    kept.cloud.allow(&groups[2], (22, 22), "0.0.0.0/0");
    steps.push(kept.follow());
    let mut changes = 0;
    for pair in steps.windows(2) {
        let request = DiffRequest { from: pair[0], to: pair[1], traffic: Vec::new() };
        let [few, all] =
            [false, true].map(|everybody| compare_for_tests(&kept.history, &request, everybody).unwrap());
        assert_eq!(few.changes, all.changes, "{request:?}");
        assert!(few.pairs <= all.pairs);
        changes += all.changes.len();
    }
    assert!(changes > 5, "{changes}");
}

/// That an account is closed belongs to the network, and whose it is does not.
#[test]
fn of_accounts_nothing_is_written_that_is_about_people() {
    let mut kept = Kept::new();
    let account = crate::testing::put_account(&kept.cloud.store, "123456789012", |account| {
        account.name = Some("Of-Ann".to_owned());
        account.email = Some("ann@example.com".to_owned());
        account.contact = Some(identities::ContactInformation {
            full_name: "Ann Example".to_owned(),
            ..Default::default()
        });
        account.state = identities::AccountState::Suspended { closed: account.created };
    });
    let revision = kept.follow();
    // The newest is not read from the files.
    kept.cloud.vpc();
    kept.follow();
    let past = kept.history.at(Revision(revision)).unwrap();
    let found = identities::account(&past.records, aws_types::Partition::Aws, account).unwrap();
    assert!(!found.is_active() && found.contact.is_none());
    for file in std::fs::read_dir(kept.directory.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("Suspended"), "{text}");
        assert!(["Of-Ann", "ann@", "Ann Example"].iter().all(|secret| !text.contains(secret)), "{text}");
    }
}
