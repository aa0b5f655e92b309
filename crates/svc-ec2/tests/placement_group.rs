use crate::cloud::{Cloud, api, filters, input, op, tagged, tags};

const COMBINATION: &str = "InvalidParameterCombination";
const VALUE: &str = "InvalidParameterValue";

fn request(name: &str, strategy: &str) -> api::CreatePlacementGroupRequest {
    input!(CreatePlacementGroupRequest { group_name: name, strategy: strategy })
}

fn create(cloud: &Cloud, input: api::CreatePlacementGroupRequest) -> api::PlacementGroup {
    cloud.ok::<op::CreatePlacementGroup>(input).placement_group.unwrap()
}

fn described(cloud: &Cloud, input: api::DescribePlacementGroupsRequest) -> Vec<api::PlacementGroup> {
    cloud.ok::<op::DescribePlacementGroups>(input).placement_groups.unwrap()
}

fn place(group: &str) -> api::Placement {
    input!(Placement { group_name: group })
}

fn launch(cloud: &Cloud, placement: api::Placement) -> api::RunInstancesRequest {
    api::RunInstancesRequest { placement: Some(placement), ..cloud.launch() }
}

fn large(cloud: &Cloud, placement: api::Placement) -> api::RunInstancesRequest {
    api::RunInstancesRequest { instance_type: Some("m5.large".to_owned()), ..launch(cloud, placement) }
}

fn started(cloud: &Cloud, input: api::RunInstancesRequest) -> String {
    let id = cloud.run(input).remove(0).instance_id.unwrap();
    assert!(cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap());
    id
}

fn count(cloud: &Cloud, all: &[(&str, &[&str])]) -> usize {
    let input = input!(DescribeInstancesRequest { filters: filters(all) });
    let reservations = cloud.ok::<op::DescribeInstances>(input).reservations.unwrap();
    reservations.iter().map(|held| held.instances.as_ref().unwrap().len()).sum()
}

#[test]
fn a_group_lives() {
    let cloud = Cloud::new();
    let wanted = api::CreatePlacementGroupRequest {
        tag_specifications: Some(tagged("placement-group", &[("Name", "one")])),
        partition_count: Some(3),
        ..request("parts", "partition")
    };
    let dry = api::CreatePlacementGroupRequest { dry_run: Some(true), ..wanted.clone() };
    cloud.refuses::<op::CreatePlacementGroup>(dry, "DryRunOperation", "…");
    let made = create(&cloud, wanted.clone());
    let id = made.group_id.clone().unwrap();
    assert_eq!((made.state.as_deref(), made.partition_count), (Some("available"), Some(3)));
    let arn = "arn:aws:ec2:us-east-1:123456789012:placement-group/parts";
    assert_eq!((made.group_arn.as_deref(), &made.tags), (Some(arn), &Some(tags(&[("Name", "one")]))));
    let message = "The Placement Group 'parts' already exists.";
    cloud.refuses::<op::CreatePlacementGroup>(wanted, "InvalidPlacementGroup.Duplicate", message);
    assert_eq!(create(&cloud, request("two", "partition")).partition_count, Some(2));
    assert_eq!(create(&cloud, request("apart", "spread")).spread_level.as_deref(), Some("rack"));
    create(&cloud, request("close", "cluster"));
    assert_eq!(described(&cloud, input!(DescribePlacementGroupsRequest {})).len(), 4);
    let by_id = input!(DescribePlacementGroupsRequest { group_ids: [&id] });
    assert_eq!(described(&cloud, by_id.clone()), [made]);
    let by_name = input!(DescribePlacementGroupsRequest { group_names: ["close", "apart"] });
    assert_eq!(described(&cloud, by_name).len(), 2);
    for (name, value, count) in [
        ("group-arn", arn, 1),
        ("group-name", "t*", 1),
        ("operator.managed", "false", 4),
        ("operator.principal", "*", 0),
        ("spread-level", "rack", 1),
        ("state", "available", 4),
        ("strategy", "partition", 2),
        ("tag:Name", "one", 1),
        ("tag-key", "Name", 1),
    ] {
        let filters = filters(&[(name, &[value])]);
        assert_eq!(
            described(&cloud, input!(DescribePlacementGroupsRequest { filters })).len(),
            count,
            "{name}"
        );
    }
    let delete = input!(DeletePlacementGroupRequest { group_name: "parts" });
    cloud.ok::<op::DeletePlacementGroup>(delete.clone());
    let message = "The Placement Group 'parts' is unknown.";
    cloud.refuses::<op::DeletePlacementGroup>(delete, "InvalidPlacementGroup.Unknown", message);
    let message = format!("The Placement Group '{id}' is unknown.");
    cloud.refuses::<op::DescribePlacementGroups>(by_id, "InvalidPlacementGroup.Unknown", &message);
    let by_name = input!(DescribePlacementGroupsRequest { group_names: ["parts"] });
    cloud.refuses::<op::DescribePlacementGroups>(by_name, "InvalidPlacementGroup.Unknown", "…");
    let malformed = input!(DescribePlacementGroupsRequest { group_ids: ["pg-1"] });
    cloud.refuses::<op::DescribePlacementGroups>(malformed, "InvalidPlacementGroupId.Malformed", "…");
    assert_eq!(
        described(&cloud.seen_by("210987654321", "us-east-1"), input!(DescribePlacementGroupsRequest {})),
        []
    );
}

#[test]
fn groups_that_cannot_be() {
    let cloud = Cloud::new();
    let check = |input: api::CreatePlacementGroupRequest, code: &str, message: &str| {
        cloud.refuses::<op::CreatePlacementGroup>(input, code, message);
    };
    let none = input!(CreatePlacementGroupRequest { strategy: "cluster" });
    check(none, "MissingParameter", "The request must contain the parameter groupName");
    let none = input!(CreatePlacementGroupRequest { group_name: "one" });
    check(none, "MissingParameter", "The request must contain the parameter strategy");
    check(request("one", "apart"), VALUE, "…");
    let parts = |strategy: &str, count: i32| api::CreatePlacementGroupRequest {
        partition_count: Some(count),
        ..request("one", strategy)
    };
    check(parts("partition", 8), VALUE, "…");
    check(parts("partition", 0), VALUE, "…");
    check(parts("cluster", 2), COMBINATION, "…");
    let level = |strategy: &str, level: &str| api::CreatePlacementGroupRequest {
        spread_level: Some(level.to_owned()),
        ..request("one", strategy)
    };
    check(level("cluster", "rack"), COMBINATION, "…");
    check(level("spread", "host"), "UnsupportedOperation", "…");
    check(level("spread", "shelf"), VALUE, "…");
    check(request(&"x".repeat(256), "cluster"), VALUE, "…");
    let linked = api::CreatePlacementGroupRequest {
        linked_group_id: Some("pg-1".to_owned()),
        ..request("one", "spread")
    };
    check(linked, "UnsupportedOperation", "…");
    create(&cloud, level("spread", "rack"));
    for number in 1..500 {
        create(&cloud, request(&number.to_string(), "cluster"));
    }
    check(request("more", "cluster"), "PlacementGroupLimitExceeded", "…");
}

#[test]
fn a_cluster_is_in_one_zone() {
    let cloud = Cloud::new();
    let group = create(&cloud, request("close", "cluster"));
    let message = "Placement groups may not be used with instances of type 't3.micro'.";
    cloud.refuses::<op::RunInstances>(launch(&cloud, place("close")), COMBINATION, message);
    let by_id = input!(Placement { group_id: group.group_id.as_ref().unwrap() });
    let id = started(&cloud, large(&cloud, by_id));
    let placement = cloud.instance(&id).placement.unwrap();
    assert_eq!((placement.group_name.as_deref(), &placement.group_id), (Some("close"), &group.group_id));
    assert_eq!(count(&cloud, &[("placement-group-name", &["close"])]), 1);
    assert_eq!(count(&cloud, &[("placement-group-name", &["*"])]), 1);
    let away = api::Placement { availability_zone: Some("us-east-1b".to_owned()), ..place("close") };
    let message = "The placement group 'close' has instances in another Availability Zone.";
    cloud.refuses::<op::RunInstances>(large(&cloud, away.clone()), COMBINATION, message);
    let message = "The placement group 'close' is in use and may not be deleted.";
    let delete = input!(DeletePlacementGroupRequest { group_name: "close" });
    cloud.refuses::<op::DeletePlacementGroup>(delete.clone(), "InvalidPlacementGroup.InUse", message);
    cloud.terminate(&id);
    cloud.ok::<op::DeletePlacementGroup>(delete);
    let message = "The Placement Group 'close' is unknown.";
    cloud.refuses::<op::RunInstances>(large(&cloud, away), "InvalidPlacementGroup.Unknown", message);
}

#[test]
fn partitions_are_filled_evenly() {
    let cloud = Cloud::new();
    create(
        &cloud,
        api::CreatePlacementGroupRequest { partition_count: Some(3), ..request("parts", "partition") },
    );
    let numbered = |number: i32| api::Placement { partition_number: Some(number), ..place("parts") };
    started(&cloud, launch(&cloud, numbered(2)));
    let made =
        cloud.run(api::RunInstancesRequest { min_count: 5, max_count: 5, ..launch(&cloud, place("parts")) });
    let numbers: Vec<_> =
        made.into_iter().map(|held| held.placement.unwrap().partition_number.unwrap()).collect();
    assert_eq!(numbers, [1, 3, 1, 2, 3]);
    assert_eq!(count(&cloud, &[("placement-partition-number", &["2"])]), 2);
    for number in [0, 4] {
        cloud.refuses::<op::RunInstances>(launch(&cloud, numbered(number)), VALUE, "…");
    }
    create(&cloud, request("apart", "spread"));
    let wrong = api::Placement { partition_number: Some(1), ..place("apart") };
    cloud.refuses::<op::RunInstances>(launch(&cloud, wrong), COMBINATION, "…");
    let wrong = input!(Placement { partition_number: 1 });
    cloud.refuses::<op::RunInstances>(launch(&cloud, wrong), COMBINATION, "…");
}

#[test]
fn seven_of_a_spread_group_run_in_a_zone() {
    let cloud = Cloud::new();
    create(&cloud, request("apart", "spread"));
    let zone = |name: &str| api::Placement { availability_zone: Some(name.to_owned()), ..place("apart") };
    let first = started(&cloud, launch(&cloud, zone("us-east-1a")));
    let many = |least: i32| api::RunInstancesRequest {
        min_count: least,
        max_count: 10,
        ..launch(&cloud, zone("us-east-1a"))
    };
    cloud.refuses::<op::RunInstances>(many(7), "InsufficientInstanceCapacity", "…");
    assert_eq!(cloud.run(many(6)).len(), 6, "as many as there is room for");
    cloud.refuses::<op::RunInstances>(many(1), "InsufficientInstanceCapacity", "…");
    started(&cloud, launch(&cloud, zone("us-east-1b")));
    cloud.stop(&first);
    started(&cloud, many(1));
    let start = input!(StartInstancesRequest { instance_ids: [&first] });
    cloud.refuses::<op::StartInstances>(start, "InsufficientInstanceCapacity", "…");
}

#[test]
fn a_stopped_instance_is_placed_anew() {
    let cloud = Cloud::new();
    create(&cloud, request("apart", "spread"));
    create(&cloud, request("parts", "partition"));
    let id = started(&cloud, cloud.launch());
    let modify = |name: &str, partition: Option<i32>| api::ModifyInstancePlacementRequest {
        partition_number: partition,
        ..input!(ModifyInstancePlacementRequest { instance_id: &id, group_name: name })
    };
    let refuses = |input: api::ModifyInstancePlacementRequest, code: &str, message: &str| {
        cloud.refuses::<op::ModifyInstancePlacement>(input, code, message);
    };
    let message = format!("The instance '{id}' is not in the 'stopped' state.");
    refuses(modify("apart", None), "IncorrectInstanceState", &message);
    cloud.stop(&id);
    let shown = || {
        let placement = cloud.instance(&id).placement.unwrap();
        (placement.group_name.unwrap(), placement.partition_number)
    };
    cloud.ok::<op::ModifyInstancePlacement>(modify("parts", Some(2)));
    assert_eq!(shown(), ("parts".to_owned(), Some(2)));
    cloud.ok::<op::ModifyInstancePlacement>(modify("apart", None));
    assert_eq!(shown(), ("apart".to_owned(), None));
    // Without a number it gets the partition with the fewest, and keeps the one that it has.
    started(&cloud, launch(&cloud, api::Placement { partition_number: Some(1), ..place("parts") }));
    cloud.ok::<op::ModifyInstancePlacement>(modify("parts", None));
    assert_eq!(shown(), ("parts".to_owned(), Some(2)));
    cloud.ok::<op::ModifyInstancePlacement>(modify("parts", Some(1)));
    cloud.ok::<op::ModifyInstancePlacement>(modify("parts", None));
    assert_eq!(shown(), ("parts".to_owned(), Some(1)));
    cloud.ok::<op::ModifyInstancePlacement>(modify("apart", None));
    refuses(modify("apart", Some(1)), COMBINATION, "…");
    refuses(modify("", Some(1)), COMBINATION, "…");
    refuses(modify("none", None), "InvalidPlacementGroup.Unknown", "…");
    refuses(input!(ModifyInstancePlacementRequest { instance_id: &id }), "MissingParameter", "…");
    let tenancy =
        |tenancy: &str| input!(ModifyInstancePlacementRequest { instance_id: &id, tenancy: tenancy });
    refuses(tenancy("host"), "UnsupportedOperation", "Dedicated hosts are not supported.");
    refuses(tenancy("dedicated"), "InvalidTenancy", "…");
    refuses(tenancy("other"), VALUE, "…");
    // An empty id is no id, and the codec lets none through; an empty name takes the instance out.
    let by_id = input!(ModifyInstancePlacementRequest { instance_id: &id, group_id: "" });
    refuses(by_id, "InvalidPlacementGroupId.Malformed", "…");
    cloud.ok::<op::ModifyInstancePlacement>(modify("", None));
    assert_eq!(shown(), (String::new(), None));
    cloud.ok::<op::DeletePlacementGroup>(input!(DeletePlacementGroupRequest { group_name: "apart" }));
}

#[test]
fn tenancies_and_other_places() {
    let cloud = Cloud::new();
    create(&cloud, request("apart", "spread"));
    let dedicated = input!(Placement { tenancy: "dedicated" });
    let id = started(&cloud, launch(&cloud, dedicated.clone()));
    assert_eq!(cloud.instance(&id).placement.unwrap().tenancy.as_deref(), Some("dedicated"));
    assert_eq!(count(&cloud, &[("tenancy", &["dedicated"])]), 1);
    let apart = api::Placement { group_name: Some("apart".to_owned()), ..dedicated };
    cloud.refuses::<op::RunInstances>(launch(&cloud, apart), COMBINATION, "…");
    cloud.stop(&id);
    let tenancy =
        |tenancy: &str| input!(ModifyInstancePlacementRequest { instance_id: &id, tenancy: tenancy });
    cloud.ok::<op::ModifyInstancePlacement>(tenancy("dedicated"));
    cloud.refuses::<op::ModifyInstancePlacement>(tenancy("default"), "InvalidTenancy", "…");
    let unsupported = "UnsupportedOperation";
    for (placement, code) in [
        (input!(Placement { tenancy: "host" }), unsupported),
        (input!(Placement { tenancy: "shared" }), VALUE),
        (input!(Placement { host_id: "h-0123456789abcdef0" }), unsupported),
        (input!(Placement { host_resource_group_arn: "arn" }), unsupported),
        (input!(Placement { affinity: "host" }), unsupported),
        (input!(Placement { spread_domain: "d" }), unsupported),
        (input!(Placement { group_name: "apart", group_id: "pg-1" }), COMBINATION),
        (input!(Placement { group_id: "pg-1" }), "InvalidPlacementGroupId.Malformed"),
    ] {
        cloud.refuses::<op::RunInstances>(launch(&cloud, placement), code, "…");
    }
}

#[test]
fn what_a_launch_asks_of_capacity_reservations() {
    let cloud = Cloud::new();
    let asks = |preference: &str| api::RunInstancesRequest {
        capacity_reservation_specification: Some(input!(CapacityReservationSpecification {
            capacity_reservation_preference: preference
        })),
        ..cloud.launch()
    };
    for preference in ["none", "open"] {
        let id = cloud.run(asks(preference)).remove(0).instance_id.unwrap();
        let shown = cloud.instance(&id).capacity_reservation_specification.unwrap();
        assert_eq!(shown.capacity_reservation_preference.as_deref(), Some(preference));
    }
    cloud.refuses::<op::RunInstances>(asks("some"), VALUE, "…");
    cloud.refuses::<op::RunInstances>(asks("capacity-reservations-only"), "UnsupportedOperation", "…");
}
