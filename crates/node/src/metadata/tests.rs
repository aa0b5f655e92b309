//! The public addresses that an instance sees of itself, by the operations that give and take them.

use std::net::Ipv4Addr;

use aws_api::Operation;
use aws_api::ec2::{self as api, operation as op};
use serde_json::json;
use service_api::{PrincipalKind, Service as _};
use session_tokens::Tokens;
use store::{MemoryBackend, Record, Store, StoreError};
use svc_ec2::{Config, Ec2};

use vpc_services::InstanceRole;

use super::*;
use crate::authorizing::ByPolicies;
use crate::testing::{Ids, NoHost, context};

/// A cloud with the default VPC, whose subnets give instances public addresses.
struct Cloud {
    store: Store,
    ec2: Ec2,
    credentials: InstanceCredentials,
}

impl Cloud {
    fn new() -> Self {
        let store = Store::open(MemoryBackend::new()).unwrap();
        let ec2 = Ec2::new(store.clone(), Ids::default(), NoHost, Config::default());
        ec2.ensure_region(&context().scope(), context().now).unwrap();
        let tokens = Tokens::with_key(&[7; 32]);
        let authorization = ByPolicies::new(store.clone(), tokens.clone()).authorization();
        let credentials = InstanceCredentials::new(tokens, authorization);
        Self { store, ec2, credentials }
    }

    fn ok<O: Operation>(&self, input: O::Input) -> O::Output
    where
        O::Input: Into<aws_model::Value>,
        O::Output: TryFrom<aws_model::Value, Error: std::fmt::Debug>,
    {
        O::Output::try_from(self.ec2.call(&context(), O::NAME, input.into()).unwrap()).unwrap()
    }

    /// A running instance whose one interface gets a public address, or none.
    fn instance(&self, is_public: bool) -> api::Instance {
        let image = aws_catalog::images(&context().region).first().expect("there are images").id;
        let interface = api::InstanceNetworkInterfaceSpecification {
            device_index: Some(0),
            associate_public_ip_address: Some(is_public),
            ..Default::default()
        };
        let launch = api::RunInstancesRequest {
            image_id: Some(image.to_string()),
            instance_type: Some("t3.micro".to_owned()),
            min_count: 1,
            max_count: 1,
            network_interfaces: Some(vec![interface]),
            ..Default::default()
        };
        let made = self.ok::<op::RunInstances>(launch).instances.unwrap().remove(0);
        let id = made.instance_id.as_ref().unwrap().parse().unwrap();
        assert!(self.ec2.instance_started(&context().scope(), id, context().now).unwrap());
        made
    }

    /// The instance's metadata, as its first interface is told.
    fn metadata(&self, instance: &api::Instance) -> InstanceMetadata {
        let interface = &instance.network_interfaces.as_ref().unwrap()[0];
        let id = interface.network_interface_id.as_ref().unwrap().parse().unwrap();
        let snapshot = self.store.snapshot();
        let sources = Sources { snapshot: &snapshot, credentials: &self.credentials, now: context().now };
        of_interface(sources, &context().scope(), id).unwrap()
    }

    /// The instance profile `web`, with that role in it.
    fn profile(&self, id: &str, role: Option<&str>) {
        let arn = "arn:aws:iam::123456789012:instance-profile/web";
        let record = json!({
            "id": id, "name": "web", "path": "/", "arn": arn, "created": 0, "role": role, "tags": {},
        });
        self.put::<identities::InstanceProfile>("web", record);
    }

    /// The role `app`, which lets that service in.
    fn role(&self, id: &str, service: &str) {
        let trust = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"},
        ]});
        let record = json!({
            "id": id, "name": "app", "path": "/", "arn": "arn:aws:iam::123456789012:role/app", "created": 0,
            "trust_policy": trust.to_string(), "description": null, "max_session_secs": 3600,
            "permissions_boundary": null, "inline_policies": {}, "attached_policies": [], "tags": {},
            "linked_service": null,
        });
        self.put::<Role>("app", record);
    }

    fn put<R: Record>(&self, id: &str, record: serde_json::Value) {
        let scope = Scope::global(context().partition, context().account());
        let record: R = serde_json::from_value(record).unwrap();
        let done = self.store.transact(|transaction| {
            transaction.put(&scope, id, record);
            Ok::<_, StoreError>(())
        });
        done.unwrap();
    }

    /// What an instance has of its role, when that much time has gone by.
    fn role_of(&self, instance: &api::Instance, hours: i64) -> Option<InstanceRole> {
        let interface = &instance.network_interfaces.as_ref().unwrap()[0];
        let id = interface.network_interface_id.as_ref().unwrap().parse().unwrap();
        let snapshot = self.store.snapshot();
        let now = context().now.plus_millis(hours * 3_600_000);
        let sources = Sources { snapshot: &snapshot, credentials: &self.credentials, now };
        of_interface(sources, &context().scope(), id).unwrap().profile.unwrap().role
    }

    /// The public addresses of the first interface with the private ones that they stand for, and its public name.
    fn public(&self, instance: &api::Instance) -> (Vec<(Ipv4Addr, Ipv4Addr)>, Option<String>) {
        let interface = self.metadata(instance).interfaces.remove(0);
        (interface.public_ipv4s, interface.public_hostname)
    }

    fn allocate(&self) -> (String, Ipv4Addr) {
        let made = self.ok::<op::AllocateAddress>(api::AllocateAddressRequest::default());
        (made.allocation_id.unwrap(), made.public_ip.unwrap().parse().unwrap())
    }

    /// Lets an address stand for a private one of an instance's first interface.
    fn associate(&self, allocation: &str, instance: &api::Instance, private: Ipv4Addr) -> String {
        let interface = &instance.network_interfaces.as_ref().unwrap()[0];
        let input = api::AssociateAddressRequest {
            allocation_id: Some(allocation.to_owned()),
            network_interface_id: interface.network_interface_id.clone(),
            private_ip_address: Some(private.to_string()),
            ..Default::default()
        };
        self.ok::<op::AssociateAddress>(input).association_id.unwrap()
    }

    fn disassociate(&self, association: String) {
        let input =
            api::DisassociateAddressRequest { association_id: Some(association), ..Default::default() };
        self.ok::<op::DisassociateAddress>(input);
    }
}

fn private(instance: &api::Instance) -> Ipv4Addr {
    instance.private_ip_address.as_ref().unwrap().parse().unwrap()
}

fn name(address: Ipv4Addr) -> Option<String> {
    Some(format!("ec2-{}.compute-1.amazonaws.com", address.to_string().replace('.', "-")))
}

#[test]
fn the_public_address_of_a_launch_is_there_until_another_stands_in_its_place() {
    let cloud = Cloud::new();
    let instance = cloud.instance(true);
    let (of_launch, local) =
        (instance.public_ip_address.as_ref().unwrap().parse().unwrap(), private(&instance));
    assert_eq!(cloud.public(&instance), (vec![(of_launch, local)], name(of_launch)));

    let (allocation, elastic) = cloud.allocate();
    let association = cloud.associate(&allocation, &instance, local);
    assert_eq!(cloud.public(&instance), (vec![(elastic, local)], name(elastic)));
    // When it is taken away, the instance gets another one of Amazon's pool.
    cloud.disassociate(association);
    let (pairs, public_hostname) = cloud.public(&instance);
    let [(another, stands_for)] = pairs[..] else { panic!("{pairs:?}") };
    assert!(![of_launch, elastic].contains(&another) && stands_for == local, "{pairs:?}");
    assert_eq!(public_hostname, name(another));

    let interface = instance.network_interfaces.as_ref().unwrap()[0].network_interface_id.clone().unwrap();
    cloud.ok::<op::ModifyNetworkInterfaceAttribute>(api::ModifyNetworkInterfaceAttributeRequest {
        network_interface_id: interface,
        associate_public_ip_address: Some(false),
        ..Default::default()
    });
    assert_eq!(cloud.public(&instance), (vec![], None));
}

#[test]
fn elastic_ip_addresses_are_there_while_they_are_associated() {
    let cloud = Cloud::new();
    let instance = cloud.instance(false);
    let (local, id) = (private(&instance), instance.network_interfaces.as_ref().unwrap()[0].clone());
    assert_eq!(cloud.public(&instance), (vec![], None));
    let more = api::AssignPrivateIpAddressesRequest {
        network_interface_id: id.network_interface_id.unwrap(),
        secondary_private_ip_address_count: Some(1),
        ..Default::default()
    };
    cloud.ok::<op::AssignPrivateIpAddresses>(more);
    let secondary = cloud.metadata(&instance).interfaces[0].private_ipv4s[1];

    let [(first, first_address), (second, second_address)] = [cloud.allocate(), cloud.allocate()];
    let of_secondary = cloud.associate(&second, &instance, secondary);
    assert_eq!(cloud.public(&instance), (vec![(second_address, secondary)], None));
    // In the order of the private addresses, and so the primary one's first.
    let of_primary = cloud.associate(&first, &instance, local);
    let both = vec![(first_address, local), (second_address, secondary)];
    assert_eq!(cloud.public(&instance), (both, name(first_address)));

    // The name is there where the VPC has names for public addresses.
    let names = |on: bool| {
        cloud.ok::<op::ModifyVpcAttribute>(api::ModifyVpcAttributeRequest {
            vpc_id: instance.vpc_id.clone().unwrap(),
            enable_dns_hostnames: Some(api::AttributeBooleanValue { value: Some(on) }),
            ..Default::default()
        });
    };
    names(false);
    assert_eq!((cloud.public(&instance).0.len(), cloud.public(&instance).1), (2, None));
    names(true);

    cloud.disassociate(of_primary);
    assert_eq!(cloud.public(&instance), (vec![(second_address, secondary)], None));
    cloud.disassociate(of_secondary);
    assert_eq!(cloud.public(&instance), (vec![], None));
}

#[test]
fn fact_70_changed_options_are_there_at_once() {
    let cloud = Cloud::new();
    let instance = cloud.instance(false);
    let options = |cloud: &Cloud| cloud.metadata(&instance).options;
    let set = |change: api::ModifyInstanceMetadataOptionsRequest| {
        cloud.ok::<op::ModifyInstanceMetadataOptions>(api::ModifyInstanceMetadataOptionsRequest {
            instance_id: instance.instance_id.clone().unwrap(),
            ..change
        });
    };
    let text = |text: &str| Some(text.to_owned());
    set(api::ModifyInstanceMetadataOptionsRequest {
        http_tokens: text("required"),
        http_put_response_hop_limit: Some(3),
        http_protocol_ipv6: text("enabled"),
        instance_metadata_tags: text("enabled"),
        ..Default::default()
    });
    let expected = MetadataOptions {
        is_enabled: true,
        is_ipv6_enabled: true,
        tokens: TokenPolicy::Required,
        hop_limit: 3,
        has_tags: true,
    };
    assert_eq!(options(&cloud), expected);
    let off = api::ModifyInstanceMetadataOptionsRequest {
        http_endpoint: text("disabled"),
        http_tokens: text("optional"),
        ..Default::default()
    };
    set(off);
    let tokens = TokenPolicy::Optional;
    assert_eq!(options(&cloud), MetadataOptions { is_enabled: false, tokens, ..expected });
}

#[test]
fn placement_profile_monitoring_and_volumes_are_shown() {
    let cloud = Cloud::new();
    let text = |text: &str| Some(text.to_owned());
    // The role in it is not there.
    cloud.profile("AIPAWEB", Some("app"));
    cloud.ok::<op::CreatePlacementGroup>(api::CreatePlacementGroupRequest {
        group_name: text("apart"),
        strategy: text("partition"),
        partition_count: Some(3),
        ..Default::default()
    });
    let device = |device: &str| api::BlockDeviceMapping {
        device_name: text(device),
        ebs: Some(api::EbsBlockDevice { volume_size: Some(8), ..Default::default() }),
        ..Default::default()
    };
    let image = aws_catalog::images(&context().region).first().expect("there are images").id;
    let launch = api::RunInstancesRequest {
        image_id: Some(image.to_string()),
        instance_type: text("c5.large"),
        min_count: 1,
        max_count: 1,
        placement: Some(api::Placement {
            group_name: text("apart"),
            partition_number: Some(2),
            ..Default::default()
        }),
        monitoring: Some(api::RunInstancesMonitoringEnabled { enabled: true, ..Default::default() }),
        iam_instance_profile: Some(api::IamInstanceProfileSpecification {
            name: text("web"),
            ..Default::default()
        }),
        block_device_mappings: Some(vec![device("/dev/sdf"), device("/dev/sdg")]),
        ..Default::default()
    };
    let instance = cloud.ok::<op::RunInstances>(launch).instances.unwrap().remove(0);
    let shown = cloud.metadata(&instance);
    assert_eq!((shown.placement_group.as_deref(), shown.placement_partition), (Some("apart"), Some(2)));
    assert!(shown.is_monitored);
    let profile = shown.profile.unwrap();
    assert_eq!(profile.arn, "arn:aws:iam::123456789012:instance-profile/web");
    assert_eq!(profile.updated_at, context().now);
    assert!(profile.is_found && profile.role.is_none());
    assert!(shown.identity_credentials.is_some());
    let described = instance.iam_instance_profile.unwrap();
    assert_eq!((Some(profile.arn), Some(profile.id)), (described.arn, described.id));
    let devices: Vec<_> = shown
        .block_devices
        .iter()
        .map(|device| (device.virtual_name.as_str(), device.device.as_str()))
        .collect();
    assert_eq!(devices, [("ami", "/dev/xvda"), ("root", "/dev/xvda"), ("ebs1", "sdf"), ("ebs2", "sdg")]);

    let plain = cloud.instance(false);
    let shown = cloud.metadata(&plain);
    assert_eq!((shown.placement_group, shown.placement_partition, shown.profile), (None, None, None));
    assert!(!shown.is_monitored);
}

#[test]
fn an_instance_has_credentials_of_the_role_in_its_profile() {
    let cloud = Cloud::new();
    cloud.profile("AIPAWEB", Some("app"));
    cloud.role("AROAAPP", "ec2.amazonaws.com");
    let instance = cloud.instance(false);
    let associate = api::AssociateIamInstanceProfileRequest {
        iam_instance_profile: api::IamInstanceProfileSpecification {
            name: Some("web".to_owned()),
            ..Default::default()
        },
        instance_id: instance.instance_id.clone().unwrap(),
    };
    cloud.ok::<op::AssociateIamInstanceProfile>(associate);
    let tokens = Tokens::with_key(&[7; 32]);
    let given = |hours| cloud.role_of(&instance, hours).unwrap().credentials;
    let first = given(0).unwrap();
    let (secret, principal) = tokens.open(&first.access_key_id, &first.token, context().now).unwrap();
    assert_eq!(secret, first.secret);
    let id = instance.instance_id.as_deref().unwrap();
    let arn = format!("arn:aws:sts::123456789012:assumed-role/app/{id}");
    assert_eq!((principal.arn.as_str(), principal.user_id), (&*arn, format!("AROAAPP:{id}")));
    let source = format!("arn:aws:ec2:us-east-1:123456789012:instance/{id}");
    assert_eq!(principal.session.unwrap().source_instance_arn, Some(source));
    assert_eq!(first.expires, context().now.plus_millis(6 * 3_600_000));
    // The same for five hours, and others before these end.
    assert_eq!(given(4), Ok(first.clone()));
    let second = given(5).unwrap();
    assert_ne!(second.access_key_id, first.access_key_id);
    assert_eq!(given(5), Ok(second));
    // Another role of the name, which lets others in, and none.
    cloud.role("AROAOTHER", "lambda.amazonaws.com");
    assert_eq!(given(5), Err(context().now.plus_millis(5 * 3_600_000)));
    cloud.profile("AIPAWEB", None);
    assert_eq!(cloud.role_of(&instance, 5), None);
    // Another profile of the name.
    cloud.role("AROAAPP", "ec2.amazonaws.com");
    cloud.profile("AIPAOTHER", Some("app"));
    assert_eq!(cloud.role_of(&instance, 5), None);
    assert!(!cloud.metadata(&instance).profile.unwrap().is_found);
}

#[test]
fn an_instance_proves_which_one_it_is() {
    let cloud = Cloud::new();
    let instance = cloud.instance(false);
    let held = cloud.metadata(&instance).identity_credentials.unwrap();
    let tokens = Tokens::with_key(&[7; 32]);
    let (_, principal) = tokens.open(&held.access_key_id, &held.token, context().now).unwrap();
    let id = instance.instance_id.unwrap();
    assert_eq!(
        principal.arn.as_str(),
        format!("arn:aws:sts::123456789012:assumed-role/aws:ec2-instance/{id}")
    );
    assert_eq!(principal.user_id, format!("123456789012:aws:ec2-instance:{id}"));
    assert!(matches!(principal.kind, PrincipalKind::AssumedRole { .. }));
}

/// That EC2 assumed the role is an event of the account, once for each credentials.
#[test]
fn the_role_of_an_instance_is_assumed_by_ec2() {
    let directory = tempfile::tempdir().unwrap();
    let mut cloud = Cloud::new();
    let events = crate::events::Events::start(directory.path().to_owned(), cloud.store.clone());
    let events = std::sync::Arc::new(events.unwrap());
    let tokens = Tokens::with_key(&[7; 32]);
    let authorization = ByPolicies::new(cloud.store.clone(), tokens.clone()).authorization();
    cloud.credentials =
        InstanceCredentials::new(tokens, authorization).with_events(std::sync::Arc::clone(&events));
    cloud.role("AROAWEB", "ec2.amazonaws.com");
    cloud.profile("AIPAWEB", Some("app"));
    let instance = cloud.instance(false);
    let id: aws_types::InstanceId = instance.instance_id.as_ref().unwrap().parse().unwrap();
    let snapshot = cloud.store.snapshot();
    let scope = Scope::global(context().partition, context().account());
    let role = snapshot.get::<Role>(&scope, "app").unwrap();
    let base = crate::now();
    let of_role = |hours: i64| {
        let now = base.plus_millis(hours * 3_600_000);
        cloud.credentials.of_role(&context().scope(), id, &role, now).credentials.is_ok()
    };
    assert!(of_role(0) && of_role(1));
    let told = || {
        let asked = crate::events::EventsRequest { limit: 9, ..Default::default() };
        let told = events.recent(asked).events;
        let read = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
        told.iter().map(read).collect::<Vec<_>>()
    };
    let [event] = &told()[..] else { panic!("{:?}", told()) };
    assert_eq!(event["eventName"], "AssumeRole");
    assert_eq!(event["userIdentity"], json!({ "type": "AWSService", "invokedBy": "ec2.amazonaws.com" }));
    assert_eq!(event["recipientAccountId"], "123456789012");
    assert_eq!(
        event["requestParameters"],
        json!({ "roleArn": "arn:aws:iam::123456789012:role/app", "roleSessionName": id.to_string() })
    );
    assert_eq!(event["resources"][0]["ARN"], "arn:aws:iam::123456789012:role/app");
    assert!(!event.to_string().contains("secretAccessKey"), "{event}");
    // Others before the end of those.
    assert!(of_role(6));
    assert_eq!(told().len(), 2);
    // A role that does not let it in is not assumed.
    cloud.role("AROAOTHER", "lambda.amazonaws.com");
    let snapshot = cloud.store.snapshot();
    let other = snapshot.get::<Role>(&scope, "app").unwrap();
    assert!(cloud.credentials.of_role(&context().scope(), id, &other, base).credentials.is_err());
    assert_eq!(told().len(), 2);
    events.finish();
}
