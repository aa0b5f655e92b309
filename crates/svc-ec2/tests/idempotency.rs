use crate::cloud::{Cloud, api, input, op};

const MISMATCH: &str =
    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";

#[test]
fn a_launch_with_the_same_token_is_made_once() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let launch = |count: i32| api::RunInstancesRequest {
        max_count: count,
        client_token: Some("token-1".to_owned()),
        subnet_id: Some(subnet.clone()),
        ..cloud.launch()
    };
    let first = cloud.ok::<op::RunInstances>(launch(2));
    let revision = cloud.store.snapshot().revision();
    let again = cloud.ok::<op::RunInstances>(launch(2));
    assert_eq!(first, again);
    assert_eq!(cloud.store.snapshot().revision(), revision);
    cloud.refuses::<op::RunInstances>(launch(3), "IdempotentParameterMismatch", MISMATCH);
    // A rehearsal is the same request.
    cloud.refuses::<op::RunInstances>(
        api::RunInstancesRequest { dry_run: Some(true), ..launch(2) },
        "DryRunOperation",
        "…",
    );
    // A later attempt sees what became of the instances, until they are gone.
    for instance in first.instances.unwrap() {
        let id = instance.instance_id.unwrap();
        cloud.ec2.instance_started(&cloud.scope(), id.parse().unwrap(), cloud.now()).unwrap();
        cloud.terminate(&id);
    }
    let states = cloud.run(launch(2)).into_iter().map(|held| held.state.unwrap().name.unwrap());
    assert_eq!(states.collect::<Vec<_>>(), ["terminated", "terminated"]);
    cloud.wait(60 * 60 * 1000);
    cloud.refuses::<op::RunInstances>(launch(2), "IdempotentInstanceTerminated", "…");
    // After a day the token is forgotten.
    cloud.wait(24 * 60 * 60 * 1000);
    assert_eq!(cloud.run(launch(2)).len(), 2);
}

#[test]
fn other_resources_have_tokens_too() {
    let cloud = Cloud::new();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let token = "a token";
    let table = || {
        cloud
            .ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc, client_token: token }))
    };
    assert_eq!(table().route_table, table().route_table);
    let acl = || {
        cloud
            .ok::<op::CreateNetworkAcl>(input!(CreateNetworkAclRequest { vpc_id: &vpc, client_token: token }))
    };
    assert_eq!(acl().network_acl, acl().network_acl);
    let interface = |description: &str| {
        input!(CreateNetworkInterfaceRequest {
            subnet_id: &subnet,
            client_token: token,
            description: description
        })
    };
    let first = cloud.ok::<op::CreateNetworkInterface>(interface("one"));
    assert_eq!(first, cloud.ok::<op::CreateNetworkInterface>(interface("one")));
    cloud.refuses::<op::CreateNetworkInterface>(interface("two"), "IdempotentParameterMismatch", MISMATCH);
    let long = "x".repeat(65);
    let input = input!(CreateRouteTableRequest { vpc_id: &vpc, client_token: &long });
    cloud.refuses::<op::CreateRouteTable>(input, "InvalidParameterValue", "Invalid client token…");
}
