use crate::cloud::{Cloud, api, filters, input, op};

const DRY_RUN: &str = "Request would have succeeded, but DryRun flag is set.";
const FRIEND: &str = "210987654321";

fn request(interface: &str, account: &str, permission: &str) -> api::CreateNetworkInterfacePermissionRequest {
    input!(CreateNetworkInterfacePermissionRequest {
        network_interface_id: interface,
        aws_account_id: account,
        permission: permission,
    })
}

fn create(cloud: &Cloud, input: api::CreateNetworkInterfacePermissionRequest) -> String {
    let made = cloud.ok::<op::CreateNetworkInterfacePermission>(input).interface_permission.unwrap();
    assert_eq!(made.permission_state.unwrap().state.as_deref(), Some("PENDING"));
    made.network_interface_permission_id.unwrap()
}

fn delete(id: &str) -> api::DeleteNetworkInterfacePermissionRequest {
    input!(DeleteNetworkInterfacePermissionRequest { network_interface_permission_id: id })
}

fn described(
    cloud: &Cloud,
    input: api::DescribeNetworkInterfacePermissionsRequest,
) -> Vec<api::NetworkInterfacePermission> {
    cloud.ok::<op::DescribeNetworkInterfacePermissions>(input).network_interface_permissions.unwrap()
}

fn by_id(id: &str) -> api::DescribeNetworkInterfacePermissionsRequest {
    input!(DescribeNetworkInterfacePermissionsRequest { network_interface_permission_ids: [id] })
}

fn not_found(cloud: &Cloud, id: &str) {
    let message = format!("The networkInterfacePermission ID '{id}' does not exist");
    let code = "InvalidPermissionID.NotFound";
    cloud.refuses::<op::DeleteNetworkInterfacePermission>(delete(id), code, &message);
}

#[test]
fn a_permission_is_granted_and_revoked() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let (one, other) = (cloud.interface(&subnet), cloud.interface(&subnet));
    let id = create(&cloud, request(&one, FRIEND, "INSTANCE-ATTACH"));
    create(&cloud, request(&other, "333333333333", "EIP-ASSOCIATE"));
    let state = |id: &str| described(&cloud, by_id(id)).remove(0).permission_state.unwrap().state.unwrap();
    assert_eq!(state(&id), "PENDING");
    cloud.wait(100);
    assert_eq!(state(&id), "GRANTED");

    let found = described(&cloud, by_id(&id)).remove(0);
    assert_eq!(found.network_interface_id.as_ref(), Some(&one));
    assert_eq!(found.aws_account_id.as_deref(), Some(FRIEND));
    assert_eq!(found.permission.as_deref(), Some("INSTANCE-ATTACH"));
    let count = |name: &str, value: &str| {
        let name = format!("network-interface-permission.{name}");
        let filters = filters(&[(&name, &[value])]);
        let found = described(&cloud, input!(DescribeNetworkInterfacePermissionsRequest { filters }));
        assert!(found.iter().all(|held| held.network_interface_permission_id.as_ref() == Some(&id)));
        found.len()
    };
    assert_eq!(count("network-interface-permission-id", &id), 1);
    assert_eq!(count("network-interface-id", &one), 1);
    assert_eq!(count("aws-account-id", FRIEND), 1);
    assert_eq!(count("permission", "INSTANCE-ATTACH"), 1);
    assert_eq!(count("aws-service", "*"), 0);

    let answer = cloud.ok::<op::DeleteNetworkInterfacePermission>(delete(&id));
    assert_eq!(answer.r#return, Some(true));
    assert_eq!(state(&id), "REVOKING");
    cloud.refuses::<op::DeleteNetworkInterfacePermission>(delete(&id), "InvalidPermissionID.NotFound", "…");
    cloud.wait(100);
    not_found(&cloud, &id);
    // What is revoked does not stand in the way of the same permission again.
    create(&cloud, request(&one, FRIEND, "INSTANCE-ATTACH"));
    assert_eq!(described(&cloud, input!(DescribeNetworkInterfacePermissionsRequest {})).len(), 2);
}

#[test]
fn what_is_used_is_deleted_by_force_and_goes_with_the_interface() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let instance = cloud.started(&subnet);
    let attached = cloud.instance(&instance).network_interfaces.unwrap()[0].network_interface_id.clone();
    let attached = attached.unwrap();
    let id = create(&cloud, request(&attached, "123456789012", "INSTANCE-ATTACH"));
    let message = format!("The account 123456789012 has attached the network interface '{attached}'.");
    cloud.refuses::<op::DeleteNetworkInterfacePermission>(delete(&id), "OperationNotPermitted", &message);
    let forced = api::DeleteNetworkInterfacePermissionRequest { force: Some(true), ..delete(&id) };
    cloud.ok::<op::DeleteNetworkInterfacePermission>(forced);

    let free = cloud.interface(&subnet);
    let id = create(&cloud, request(&free, FRIEND, "EIP-ASSOCIATE"));
    cloud.ok::<op::DeleteNetworkInterface>(input!(DeleteNetworkInterfaceRequest {
        network_interface_id: &free
    }));
    not_found(&cloud, &id);
}

#[test]
fn what_is_refused() {
    let cloud = Cloud::new();
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let interface = cloud.interface(&subnet);
    let refused = |input, code: &str, message: &str| {
        cloud.refuses::<op::CreateNetworkInterfacePermission>(input, code, message);
    };
    let good = request(&interface, FRIEND, "INSTANCE-ATTACH");
    let value = "InvalidParameterValue";
    refused(
        request(&interface, FRIEND, "ALL"),
        value,
        "Value (ALL) for parameter permission is invalid. It must…",
    );
    refused(request(&interface, "12", "EIP-ASSOCIATE"), value, "Value (12) for parameter awsAccountId is…");
    let nobody = api::CreateNetworkInterfacePermissionRequest { aws_account_id: None, ..good.clone() };
    refused(nobody, "MissingParameter", "The request must contain the parameter awsAccountId");
    let service = Some("ec2.amazonaws.com".to_owned());
    let service = api::CreateNetworkInterfacePermissionRequest { aws_service: service, ..good.clone() };
    refused(service, "UnsupportedOperation", "Permissions of AWS services are not supported.");
    let unknown = "The networkInterface ID 'eni-0123456789abcdef0' does not exist";
    let input = request("eni-0123456789abcdef0", FRIEND, "EIP-ASSOCIATE");
    refused(input, "InvalidNetworkInterfaceID.NotFound", unknown);
    let dry = api::CreateNetworkInterfacePermissionRequest { dry_run: Some(true), ..good.clone() };
    refused(dry, "DryRunOperation", DRY_RUN);
    let id = create(&cloud, good.clone());
    let message =
        format!("The account {FRIEND} has the permission INSTANCE-ATTACH on '{interface}' already: '{id}'.");
    refused(good, value, &message);
    let dry = api::DeleteNetworkInterfacePermissionRequest { dry_run: Some(true), ..delete(&id) };
    cloud.refuses::<op::DeleteNetworkInterfacePermission>(dry, "DryRunOperation", DRY_RUN);
    let code = "InvalidPermissionID.Malformed";
    let message = "Invalid id: \"eni-1\" (expecting \"eni-perm-...\")";
    cloud.refuses::<op::DeleteNetworkInterfacePermission>(delete("eni-1"), code, message);
}
