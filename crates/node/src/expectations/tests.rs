//! What holds of a network made by EC2's operations, and why the rest does not.

use std::time::Instant;

use aws_api::ec2::{self as api, operation as op};

use super::*;
use crate::testing::Ec2Cloud;

/// A workstation, a host, and what the cloud gives.
fn outside() -> Outside {
    Outside {
        hosts: vec![("example.org".to_owned(), vec!["198.51.100.7".parse().unwrap()])],
        workstation: vec!["192.0.2.1".parse().unwrap()],
        taken: vec!["198.18.0.0/15".parse().unwrap()],
    }
}

/// What `brume assert` says of a file.
fn check(cloud: &Ec2Cloud, file: &str) -> AssertReport {
    let mut network = cloud.network(&["198.18.0.0/15"]);
    let host = |id: &str, place| vpc_model::InternetHost { id: id.parse().unwrap(), place }.into();
    let hosts = [
        host("198.51.100.7", vpc_model::InternetPlace::Declared),
        host("192.0.2.1", vpc_model::InternetPlace::Workstation),
    ];
    network = network.apply(&hosts).snapshot;
    let assertions =
        assertions::parse(file.as_bytes(), false).unwrap_or_else(|problems| panic!("{problems:?}"));
    let records = cloud.store.snapshot();
    checked_quietly(&records, &network, &assertions).unwrap()
}

fn checked_quietly(
    records: &Records,
    network: &Snapshot,
    assertions: &[Assertion],
) -> Result<AssertReport, String> {
    let seed = vpc_engine::FlowOptions::default().seed;
    checked((records.revision(), records), (network, seed), &outside(), assertions, &Stop::default())
}

/// A web server and two databases that it reaches, the first of which is public.
struct Shop {
    cloud: Ec2Cloud,
    vpc: String,
    data: String,
    web: String,
}

fn shop() -> Shop {
    let cloud = Ec2Cloud::new();
    let (vpc, subnet) = cloud.vpc();
    let [front, data] = ["front", "data"].map(|name| cloud.group(&vpc, name));
    cloud.allow(&front, (443, 443), "0.0.0.0/0");
    cloud.allow(&data, (5000, 5999), "10.0.0.5/32");
    let web = cloud.interface(&subnet, &front, "10.0.0.5", &[("Name", "web"), ("Role", "front")]);
    cloud.interface(&subnet, &data, "10.0.0.6", &[("Name", "the db"), ("Role", "db")]);
    cloud.interface(&subnet, &data, "10.0.0.7", &[("Name", "spare"), ("Role", "db")]);
    cloud.publish(&vpc, &web);
    Shop { cloud, vpc, data, web }
}

#[track_caller]
fn holds(cloud: &Ec2Cloud, lines: &[&str], expect: bool) {
    for line in lines {
        let report = check(cloud, line);
        assert_eq!(report.holds, expect, "{line}: {:#?}", report.checks);
    }
}

#[test]
fn what_is_so_holds_and_what_is_not_does_not() {
    let Shop { cloud, vpc, data, web } = shop();
    holds(
        &cloud,
        &[
            "web -> \"the db\" tcp/5432 allow",
            "tag:Role=front -> tag:Role=db tcp/5000-5999 allow",
            &format!("{web} -> {data} tcp/5000 allow"),
            "web -> 10.0.0.6 tcp/5000 allow",
            "10.0.0.5 -> 10.0.0.6 tcp/5000 allow",
            "tag:Role=db -> tag:Role=db all deny",
            "web -> tag:Role=db tcp/0-4999 deny",
            "web -> tag:Role=db tcp/6000-65535 deny",
            "web -> tag:Role=db udp deny",
            "internet -> web tcp/443 allow",
            "internet -> web tcp/442 deny",
            "internet -> spare all deny",
            "workstation -> web tcp/443 allow",
            "host:example.org -> web tcp/443 allow",
            "198.51.100.7 -> web tcp/80 deny",
            "web -> internet all allow",
            "web -> host:example.org tcp/443 allow",
            "tag:Role=db -> internet all deny",
            "web -> spare ipv6 all deny",
            "internet -> web tcp/443 from 0-65535 allow",
        ],
        true,
    );
    holds(
        &cloud,
        &[
            "web -> tag:Role=db tcp/5000-6000 allow",
            "web -> tag:Role=db tcp/4999-5000 deny",
            "tag:Role=db -> web tcp/80 allow",
            &format!("{vpc} -> {data} tcp/5432 allow"),
            "web -> spare ipv6 tcp/5432 allow",
            "internet -> web tcp/443 deny",
            "internet -> spare tcp/443 allow",
            "spare -> internet tcp/443 allow",
        ],
        false,
    );
}

#[test]
fn a_rule_for_a_part_of_the_internet_is_not_for_all_of_it() {
    let Shop { cloud, vpc, .. } = shop();
    let narrow = cloud.group(&vpc, "narrow");
    cloud.allow(&narrow, (22, 22), "203.0.113.0/25");
    cloud.allow(&narrow, (80, 80), "0.0.0.0/1");
    cloud.allow(&narrow, (80, 80), "128.0.0.0/1");
    // From the cloud itself and from private addresses: neither is the internet.
    cloud.allow(&narrow, (81, 81), "198.18.0.0/15");
    cloud.allow(&narrow, (81, 81), "10.0.0.0/8");
    let subnet = cloud.network(&[]).interfaces().next().unwrap().subnet.to_string();
    let admin = cloud.interface(&subnet, &narrow, "10.0.0.9", &[("Name", "admin")]);
    let made = cloud.ok::<op::AllocateAddress>(Default::default());
    cloud.ok::<op::AssociateAddress>(api::AssociateAddressRequest {
        allocation_id: made.allocation_id,
        network_interface_id: Some(admin),
        ..Default::default()
    });
    let address = made.public_ip.unwrap();
    let by_address = format!("internet -> {address} tcp/80 allow");
    holds(&cloud, &["internet -> admin tcp/80 allow", "internet -> admin tcp/81 deny", &by_address], true);
    holds(&cloud, &["internet -> admin tcp/22 allow", "internet -> admin tcp/22 deny"], false);
    let report = check(&cloud, "internet -> admin tcp/22 deny");
    let packets = &report.checks[0].failures[0].packets;
    assert_eq!(packets, &[format!("tcp 203.0.113.0-203.0.113.127:1024-65535 > {address}:22")], "exactly");
}

#[test]
fn what_does_not_hold_is_explained() {
    let Shop { cloud, data, web, .. } = shop();
    let report = check(&cloud, "web -> tag:Role=db tcp/5999-6001 allow\nweb -> spare tcp/5000 deny\n");
    assert_eq!(report.revision, cloud.store.snapshot().revision().0);
    let [refused, open] = &report.checks[..] else { panic!("{report:?}") };
    assert_eq!((refused.line, refused.pairs, refused.failed_pairs), (1, 2, 2));
    let failure = refused.failures.iter().find(|failure| failure.to.ends_with("(the db)")).unwrap();
    assert_eq!(failure.from, format!("{web} (web)"));
    assert_eq!(failure.packets, ["tcp 10.0.0.5:1024-65535 > 10.0.0.6:6000-6001"]);
    assert!(failure.refusals[0].starts_with("no ingress rule"), "{failure:?}");
    assert!(
        failure.fixes[0].starts_with(&format!("add to {data}")) && failure.fixes_are_enough,
        "{failure:?}"
    );
    assert_eq!((open.line, open.pairs, open.failed_pairs), (2, 1, 1));
    let failure = &open.failures[0];
    assert!(failure.refusals.is_empty() && failure.packets == ["tcp 10.0.0.5:1024-65535 > 10.0.0.7:5000"]);
    let kinds: Vec<&str> = failure.way.iter().map(|step| step.kind.as_str()).collect();
    let way = ["interface", "security-group-rule", "subnet", "interface", "security-group-rule"];
    assert_eq!(kinds, way);
}

#[test]
fn nothing_holds_of_nobody() {
    let Shop { cloud, .. } = shop();
    let check = |line: &str, expect: &str| {
        let report = check(&cloud, line);
        let problem = report.checks[0].problem.clone().unwrap_or_default();
        assert!(!report.holds && problem.contains(expect), "{line}: {report:?}");
    };
    check("wbe -> web tcp/1 deny", "no instance has the tag Name with the value \"wbe\"");
    check("web -> i-0123456789abcdef0 tcp/1 deny", "there is no i-0123456789abcdef0");
    check("10.0.0.99 -> web tcp/1 deny", "an address of nobody here");
    check("host:nowhere.example -> web tcp/1 deny", "no host nowhere.example");
    check("web -> web tcp/1 deny", "both ends are the same");
}

#[test]
fn conditions_of_paths_make_no_difference() {
    let Shop { cloud, .. } = shop();
    let network = cloud.network(&[]);
    let path = vpc_model::Path {
        id: vpc_model::PathId::of_name("x"),
        ends: vpc_model::PathEnds::InternetHost(vec!["198.51.100.7".parse().unwrap()]),
        condition: vpc_model::Condition { latency: vpc_model::Latency::default(), ..Default::default() },
    };
    let slow = network.apply(&[path.into()]).snapshot;
    assert_eq!(without_conditions(&slow).paths().count(), 0);
}

/// Who stands for many is counted before anybody is listed.
#[test]
fn too_many_pairs_are_refused_at_once() {
    let Shop { cloud, .. } = shop();
    let network = cloud.network(&[]);
    let records = cloud.store.snapshot();
    let outside = outside();
    let places = Places::of(&records, &records, &network, &outside);
    let line = |line: &str| assertions::parse(line.as_bytes(), false).unwrap().remove(0);
    let count = |text: &str| pair_count(&places, &line(text));
    let counts =
        ["tag:Role=db -> tag:Role=db all deny", "web -> tag:Role=db all deny", "internet -> nobody all deny"];
    assert_eq!(counts.map(count), [4, 2, 1]);

    // As many interfaces as are too many, all of one tag.
    let mut places = places;
    places.repeat_for_tests("Role", "db", 501);
    let seed = vpc_engine::FlowOptions::default().seed;
    let supposing = network.supposing_hosts();
    let mut prober = Prober::new(&network, &supposing, seed);
    let check =
        one(&places, &mut prober, &line("tag:Role=db -> tag:Role=db all deny"), &Stop::default()).unwrap();
    assert!(!check.holds && check.pairs == 0);
    assert!(
        check.problem.unwrap().starts_with("it is about 251001 pairs of ends, and 250000 can be checked")
    );
}

/// Each is about four pairs, and may be; all of them are about too many.
#[test]
fn too_many_assertions_of_many_pairs_are_refused_at_once() {
    let Shop { cloud, .. } = shop();
    let (network, records) = (cloud.network(&[]), cloud.store.snapshot());
    let one = assertions::parse(b"tag:Role=db -> tag:Role=db all deny", false).unwrap().remove(0);
    let error = checked_quietly(&records, &network, &vec![one; REQUEST_PAIRS_MAX / 4 + 1]).unwrap_err();
    assert!(error.starts_with("the assertions are about 1000004 pairs of ends"), "{error}");
}

#[test]
fn what_nobody_waits_for_is_not_worked_out() {
    let Shop { cloud, .. } = shop();
    let (network, records) = (cloud.network(&[]), cloud.store.snapshot());
    let stop = Stop::default();
    stop.stop();
    let asked = assertions::parse(b"web -> spare all deny", false).unwrap();
    let error =
        checked((records.revision(), &records), (&network, 0), &outside(), &asked, &stop).unwrap_err();
    assert!(error.starts_with("nobody waits"), "{error}");
}

/// The promise of 500 assertions over 1,000 interfaces in one second: `--run-ignored all`, best in a release build.
#[test]
#[ignore = "a measurement"]
fn measures_500_assertions_over_1000_interfaces() {
    let cloud = Ec2Cloud::new();
    let (vpc, subnet) = cloud.vpc();
    // Fifty applications of twenty interfaces: ten in front, ten behind, with fifty rules in each group.
    for app in 0..50 {
        let [front, back] = ["front", "back"].map(|name| cloud.group(&vpc, &format!("{name}-{app}")));
        for rule in 0..50 {
            cloud.allow(&front, (443 + rule, 443 + rule), &format!("10.0.{rule}.0/24"));
            cloud.allow(&back, (5000 + rule * 7, 5000 + rule * 7), &format!("10.0.{app}.0/24"));
        }
        for number in 0..20 {
            let (group, role) = if number < 10 { (&front, "front") } else { (&back, "back") };
            let tags = [("Name", format!("{role}-{app}-{number}")), ("Role", format!("{role}-{app}"))];
            let tags: Vec<(&str, &str)> = tags.iter().map(|(key, value)| (*key, value.as_str())).collect();
            cloud.interface(&subnet, group, &format!("10.0.{app}.{}", 10 + number), &tags);
        }
    }
    // Ten for each application: one about all its hundred pairs, the others about one pair each.
    let mut file = String::new();
    for app in 0..50 {
        let next = (app + 1) % 50;
        file += &format!("tag:Role=front-{app} -> tag:Role=back-{app} tcp/5000 allow\n");
        file += &format!("tag:Role=front-{next} -> back-{app}-10 tcp/0-65535 deny\n");
        for number in 0..8 {
            file += &format!("front-{app}-{number} -> back-{app}-1{number} tcp/5007 allow\n");
        }
    }
    let network = cloud.network(&[]);
    assert_eq!(network.interfaces().count(), 1_000);
    let assertions = assertions::parse(file.as_bytes(), false).unwrap();
    assert_eq!(assertions.len(), 500);
    let records = cloud.store.snapshot();
    let began = Instant::now();
    let report = checked_quietly(&records, &network, &assertions).unwrap();
    let took = began.elapsed();
    assert!(report.holds, "{:#?}", report.checks.iter().find(|check| !check.holds));
    let pairs: usize = report.checks.iter().map(|check| check.pairs).sum();
    println!("500 assertions about {pairs} pairs of 1,000 interfaces: {took:?}");
}
