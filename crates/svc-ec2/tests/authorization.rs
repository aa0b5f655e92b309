//! What requests to EC2 need to be allowed.

use std::collections::BTreeSet;

use authorization_table::{action, resource_type_of_arn, split_action};
use aws_model::{Fields, Model, ShapeId, ShapeKind, Value};
use aws_types::Arn;
use service_api::{NeededPermission, PassedRoles, RequestContext, Service, TargetResource};
use svc_ec2::Ec2;

use crate::cloud::{Cloud, Operation, api, input, op, tagged, tags};

const ROLE: &str = "arn:aws:iam::123456789012:role/app";

struct Roles;

impl PassedRoles for Roles {
    fn role_of_profile(&self, _: &RequestContext, profile: &str) -> Option<String> {
        profile.ends_with("app").then(|| ROLE.to_owned())
    }
}

fn cloud() -> Cloud {
    let mut cloud = Cloud::new();
    cloud.ec2 = cloud.seen_by("123456789012", "us-east-1").ec2.with_passed_roles(Roles);
    cloud.default_vpc();
    cloud
}

fn needed<O: Operation>(cloud: &Cloud, input: O::Input) -> Vec<NeededPermission>
where
    O::Input: Into<Value>,
{
    cloud.ec2.needed_permissions(&cloud.context(), O::NAME, &input.into()).unwrap()
}

/// Each as `ACTION RESOURCE`, the resource without what all ARNs of the account begin with.
fn all(needed: &[NeededPermission]) -> Vec<String> {
    let of_one = |permission: &NeededPermission| -> Vec<String> {
        let resources = permission.resources.iter();
        resources.map(|resource| format!("{} {}", permission.action, short(&resource.arn))).collect()
    };
    needed.iter().flat_map(of_one).collect()
}

fn short(arn: &str) -> &str {
    let start = ["arn:aws:ec2:us-east-1:123456789012:", "arn:aws:ec2:us-east-1::"];
    start.iter().find_map(|start| arn.strip_prefix(start)).unwrap_or(arn)
}

fn on<'a>(needed: &'a [NeededPermission], resource: &str) -> &'a TargetResource {
    let mut all = needed.iter().flat_map(|permission| &permission.resources);
    all.find(|held| short(&held.arn).starts_with(resource))
        .unwrap_or_else(|| panic!("no {resource}: {needed:?}"))
}

#[track_caller]
fn has(resource: &TargetResource, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        let found = resource.keys.iter().find(|(held, _)| held == key);
        let found = found.map(|(_, values)| short(&values.join(",")).to_owned());
        assert_eq!(found.as_deref(), Some(*value), "{key} of {}: {:?}", resource.arn, resource.keys);
    }
}

#[test]
fn lists_are_of_all() {
    let cloud = cloud();
    let needed = needed::<op::DescribeVpcs>(&cloud, input!(DescribeVpcsRequest { vpc_ids: ["vpc-1"] }));
    assert_eq!(all(&needed), ["ec2:DescribeVpcs *"]);
    assert_eq!(needed[0].keys, [("ec2:Region".to_owned(), vec!["us-east-1".to_owned()])]);
}

#[test]
fn both_ends_of_an_attachment_are_touched() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    cloud.ok::<op::CreateTags>(input!(CreateTagsRequest {
        resources: vec![vpc.clone()],
        tags: tags(&[("Team", "red")])
    }));
    let input = input!(AttachInternetGatewayRequest { internet_gateway_id: "igw-1", vpc_id: &vpc });
    let needed = needed::<op::AttachInternetGateway>(&cloud, input);
    let vpc = format!("vpc/{vpc}");
    let action = "ec2:AttachInternetGateway";
    assert_eq!(all(&needed), [format!("{action} internet-gateway/igw-1"), format!("{action} {vpc}")]);
    let expected =
        [("aws:ResourceTag/Team", "red"), ("ec2:ResourceTag/Team", "red"), ("ec2:Tenancy", "default")];
    has(on(&needed, &vpc), &expected);
}

#[test]
fn a_launch_touches_all_that_it_names() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (subnet, group) = (cloud.subnet(&vpc, "10.0.0.0/24"), cloud.group(&vpc, "web"));
    cloud.ok::<op::CreateKeyPair>(input!(CreateKeyPairRequest { key_name: "k" }));
    let launch = api::RunInstancesRequest {
        subnet_id: Some(subnet.clone()),
        security_group_ids: Some(vec![group.clone()]),
        key_name: Some("k".to_owned()),
        iam_instance_profile: Some(input!(IamInstanceProfileSpecification { name: "app" })),
        tag_specifications: Some(tagged("instance", &[("Team", "red")])),
        ..cloud.launch()
    };
    let needed = needed::<op::RunInstances>(&cloud, launch);
    let run = |resource: &str| format!("ec2:RunInstances {resource}");
    let expected = [
        run(&format!("image/{}", cloud.image())),
        run("instance/*"),
        run("key-pair/k"),
        run("network-interface/*"),
        run(&format!("security-group/{group}")),
        run(&format!("subnet/{subnet}")),
        run("volume/*"),
        "ec2:CreateTags instance/*".to_owned(),
        format!("iam:PassRole {ROLE}"),
    ];
    assert_eq!(all(&needed), expected);
    let vpc = format!("vpc/{vpc}");
    has(on(&needed, "subnet/"), &[("ec2:Vpc", &vpc), ("ec2:AvailabilityZone", "us-east-1a")]);
    has(on(&needed, "security-group/"), &[("ec2:Vpc", &vpc)]);
    let subnet = format!("subnet/{subnet}");
    has(on(&needed, "network-interface/"), &[("ec2:Vpc", &vpc), ("ec2:Subnet", &subnet)]);
    has(on(&needed, "image/"), &[("ec2:Owner", "amazon"), ("ec2:Public", "true")]);
    has(on(&needed, "key-pair/"), &[("ec2:KeyPairName", "k"), ("ec2:KeyPairType", "rsa")]);
    let profile = "arn:aws:iam::123456789012:instance-profile/app";
    let expected = [
        ("ec2:InstanceType", "t3.micro"),
        ("ec2:InstanceProfile", profile),
        ("aws:RequestTag/Team", "red"),
        ("aws:TagKeys", "Team"),
    ];
    has(on(&needed, "instance/"), &expected);
    let volume = on(&needed, "volume/");
    has(volume, &[("ec2:Encrypted", "false")]);
    assert!(
        !volume.keys.iter().any(|(key, _)| key.starts_with("aws:RequestTag")),
        "the tags are the instance's"
    );
    let [_, tagging, passing] = &needed[..] else { panic!("{needed:?}") };
    assert_eq!(tagging.keys[0], ("ec2:CreateAction".to_owned(), vec!["RunInstances".to_owned()]));
    has(&tagging.resources[0], &[("aws:RequestTag/Team", "red")]);
    assert_eq!(passing.keys[0], ("iam:PassedToService".to_owned(), vec!["ec2.amazonaws.com".to_owned()]));
}

#[test]
fn a_launch_that_names_nothing_means_the_defaults() {
    let cloud = cloud();
    let group = cloud.default_group(&cloud.default_vpc());
    let needed = needed::<op::RunInstances>(&cloud, cloud.launch());
    has(on(&needed, "subnet/subnet-"), &[("ec2:AvailabilityZone", "us-east-1a")]);
    on(&needed, &format!("security-group/{group}"));
}

#[test]
fn a_launch_touches_what_its_template_names() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (subnet, group) = (cloud.subnet(&vpc, "10.0.0.0/24"), cloud.group(&vpc, "web"));
    let data = api::RequestLaunchTemplateData {
        image_id: Some(cloud.image()),
        instance_type: Some("t3.nano".to_owned()),
        security_group_ids: Some(vec![group.clone()]),
        iam_instance_profile: Some(input!(LaunchTemplateIamInstanceProfileSpecificationRequest {
            name: "app"
        })),
        ..Default::default()
    };
    let template =
        input!(CreateLaunchTemplateRequest { launch_template_name: "web", launch_template_data: data });
    let template = cloud.ok::<op::CreateLaunchTemplate>(template).launch_template.unwrap();
    let template = template.launch_template_id.unwrap();
    let launch = input!(RunInstancesRequest {
        min_count: 1,
        max_count: 1,
        subnet_id: &subnet,
        launch_template: input!(LaunchTemplateSpecification { launch_template_name: "web" }),
    });
    let needed = needed::<op::RunInstances>(&cloud, launch);
    let arn = format!("launch-template/{template}");
    has(on(&needed, &format!("image/{}", cloud.image())), &[("ec2:IsLaunchTemplateResource", "true")]);
    let of_template = [("ec2:IsLaunchTemplateResource", "true"), ("ec2:LaunchTemplate", &arn)];
    has(on(&needed, &format!("security-group/{group}")), &of_template);
    let own = [("ec2:IsLaunchTemplateResource", "false"), ("ec2:LaunchTemplate", &arn)];
    has(on(&needed, &format!("subnet/{subnet}")), &own);
    has(on(&needed, "instance/*"), &[("ec2:InstanceType", "t3.nano")]);
    on(&needed, &arn);
    assert_eq!(all(&needed).last().unwrap(), &format!("iam:PassRole {ROLE}"));
}

#[test]
fn profiles_are_asked_about_with_their_paths() {
    let cloud = cloud();
    cloud.instance_profile("/team/", "App");
    let arn = "arn:aws:iam::123456789012:instance-profile/team/App";
    let launch = api::RunInstancesRequest {
        iam_instance_profile: Some(input!(IamInstanceProfileSpecification { name: "app" })),
        ..cloud.launch()
    };
    has(on(&needed::<op::RunInstances>(&cloud, launch), "instance/*"), &[("ec2:InstanceProfile", arn)]);
    let subnet = cloud.subnet(&cloud.vpc("10.0.0.0/16"), "10.0.0.0/24");
    let id = cloud.started(&subnet);
    let associate = |name: &str| {
        input!(AssociateIamInstanceProfileRequest {
            instance_id: &id,
            iam_instance_profile: input!(IamInstanceProfileSpecification { name: name }),
        })
    };
    let asked = needed::<op::AssociateIamInstanceProfile>(&cloud, associate("App"));
    has(on(&asked, "instance/i-"), &[("ec2:NewInstanceProfile", arn)]);
    // What there is not has no path.
    let asked = needed::<op::AssociateIamInstanceProfile>(&cloud, associate("other"));
    let arn = "arn:aws:iam::123456789012:instance-profile/other";
    has(on(&asked, "instance/i-"), &[("ec2:NewInstanceProfile", arn)]);
}

#[test]
fn each_volume_of_a_launch_is_asked_for() {
    let cloud = cloud();
    let mapping = |device: &str, size: i32| {
        input!(BlockDeviceMapping {
            device_name: device,
            ebs: input!(EbsBlockDevice { volume_size: size, volume_type: "gp3", encrypted: true }),
        })
    };
    let launch = api::RunInstancesRequest {
        block_device_mappings: Some(vec![mapping("/dev/sdf", 100), mapping("/dev/sdg", 200)]),
        ..cloud.launch()
    };
    let needed = needed::<op::RunInstances>(&cloud, launch);
    let volumes = needed[0].resources.iter().filter(|held| short(&held.arn) == "volume/*");
    let sizes =
        volumes.map(|held| held.keys.iter().find(|(key, _)| key == "ec2:VolumeSize").unwrap().1.join(","));
    let sizes: Vec<_> = sizes.collect();
    assert_eq!(
        (sizes.len(), &sizes[..2]),
        (3, &["100".to_owned(), "200".to_owned()][..]),
        "the last is the root's"
    );
}

/// The keys of a resource as `key=value`, without what ARNs of the account begin with.
fn keys_of(resource: &TargetResource, names: &[&str]) -> String {
    let value = |name: &&str| {
        let found = resource.keys.iter().find(|(held, _)| held == name);
        found.map(|(_, values)| format!("{name}={}", short(&values.join(","))))
    };
    names.iter().filter_map(value).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_interface_of_a_launch_is_asked_for_with_the_groups_it_means() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let (first, second) = (cloud.subnet(&vpc, "10.0.0.0/24"), cloud.subnet(&vpc, "10.0.1.0/24"));
    let (web, default) = (cloud.group(&vpc, "web"), cloud.default_group(&vpc));
    let there = cloud.interface(&first);
    let interface = |subnet: &str, groups: Option<&[&str]>| api::InstanceNetworkInterfaceSpecification {
        subnet_id: Some(subnet.to_owned()),
        groups: groups.map(|groups| groups.iter().map(|id| (*id).to_owned()).collect()),
        ..Default::default()
    };
    let existing = || input!(InstanceNetworkInterfaceSpecification { network_interface_id: &there });
    let ask = |interfaces: Vec<api::InstanceNetworkInterfaceSpecification>| {
        let mut needed = needed::<op::RunInstances>(
            &cloud,
            api::RunInstancesRequest {
                network_interfaces: Some(interfaces),
                tag_specifications: Some(tagged("network-interface", &[("Team", "red")])),
                ..cloud.launch()
            },
        );
        needed.remove(0).resources
    };
    let of = |resources: &[TargetResource], kind: &str| -> Vec<String> {
        let names = ["ec2:Vpc", "ec2:Subnet", "ec2:AssociatePublicIpAddress", "aws:RequestTag/Team"];
        let found = resources.iter().filter(|held| short(&held.arn).starts_with(kind));
        let mut found: Vec<_> = found
            .map(|held| match kind {
                "network-interface" => format!("{} {}", short(&held.arn), keys_of(held, &names)),
                _ => short(&held.arn).to_owned(),
            })
            .collect();
        found.sort();
        found
    };
    let sorted = |mut expected: Vec<String>| {
        expected.sort();
        expected
    };
    let group = |id: &str| format!("security-group/{id}");
    let made = |subnet: &str| {
        format!("network-interface/* ec2:Vpc=vpc/{vpc} ec2:Subnet=subnet/{subnet} aws:RequestTag/Team=red")
    };
    // One that names groups, and one that means the default one, both when it says nothing and when it says none.
    for second_groups in [None, Some(&[][..])] {
        let found = ask(vec![interface(&first, Some(&[&web])), interface(&second, second_groups)]);
        assert_eq!(of(&found, "security-group"), sorted(vec![group(&web), group(&default)]));
        assert_eq!(of(&found, "network-interface"), sorted(vec![made(&first), made(&second)]));
        let subnets = [&first, &second].map(|id| format!("subnet/{id}"));
        assert_eq!(of(&found, "subnet"), sorted(subnets.into()));
        let asked = found.iter().find(|held| held.arn.ends_with(&default)).unwrap();
        has(asked, &[("ec2:Vpc", &format!("vpc/{vpc}")), ("ec2:SecurityGroupID", &default)]);
    }
    // One that is there already, which has its groups, and one that is made beside it.
    let found = ask(vec![existing(), interface(&second, None)]);
    assert_eq!(of(&found, "security-group"), [group(&default)]);
    let [beside, held] = &of(&found, "network-interface")[..] else { panic!("{found:?}") };
    assert_eq!(beside, &made(&second));
    assert!(held.starts_with(&format!("network-interface/{there} ")), "{held}");
    let found = ask(vec![existing()]);
    assert_eq!((of(&found, "security-group").len(), of(&found, "network-interface").len()), (0, 1));
    let instance = found.iter().find(|held| short(&held.arn) == "instance/*").unwrap();
    has(instance, &[("ec2:AvailabilityZone", "us-east-1a")]);
    // One without a subnet is in the default one of the zone, with that VPC's default group.
    let public = api::InstanceNetworkInterfaceSpecification {
        associate_public_ip_address: Some(true),
        ..Default::default()
    };
    let found = ask(vec![public]);
    assert_eq!(of(&found, "security-group"), [group(&cloud.default_group(&cloud.default_vpc()))]);
    let [asked] = &of(&found, "network-interface")[..] else { panic!("{found:?}") };
    assert!(asked.contains(&format!("ec2:Vpc=vpc/{}", cloud.default_vpc())), "{asked}");
    assert!(asked.contains("ec2:AssociatePublicIpAddress=true"), "{asked}");
}

#[test]
fn a_zone_that_is_named_by_its_id_leads_to_its_default_subnet() {
    let cloud = cloud();
    let subnets = cloud.ok::<op::DescribeSubnets>(Default::default()).subnets.unwrap();
    assert!(subnets.len() > 1);
    for subnet in subnets {
        let placement = api::Placement {
            availability_zone_id: subnet.availability_zone_id.clone(),
            ..Default::default()
        };
        let launch = api::RunInstancesRequest { placement: Some(placement), ..cloud.launch() };
        on(&needed::<op::RunInstances>(&cloud, launch), &format!("subnet/{}", subnet.subnet_id.unwrap()));
    }
}

#[test]
fn policies_see_the_options_of_tunnels() {
    let cloud = cloud();
    let gateway = cloud.ok::<op::CreateCustomerGateway>(input!(CreateCustomerGatewayRequest {
        r#type: "ipsec.1",
        ip_address: "198.51.100.7",
        bgp_asn: 65000,
    }));
    let gateway = gateway.customer_gateway.unwrap().customer_gateway_id.unwrap();
    let vgw = cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vgw = vgw.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let tunnel = |seconds: i32, version: &str| api::VpnTunnelOptionsSpecification {
        phase1_lifetime_seconds: Some(seconds),
        ike_versions: Some(vec![api::IKEVersionsRequestListValue { value: Some(version.to_owned()) }]),
        pre_shared_key: Some("secret_key_of_mine".to_owned()),
        ..Default::default()
    };
    let create = input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: &gateway,
        vpn_gateway_id: &vgw,
        options: api::VpnConnectionOptionsSpecification {
            static_routes_only: Some(true),
            tunnel_options: Some(vec![tunnel(900, "ikev1"), tunnel(3600, "ikev2")]),
            ..Default::default()
        },
    });
    let both = [
        ("ec2:GatewayType", "VGW"),
        ("ec2:RoutingType", "static"),
        ("ec2:Phase1LifetimeSeconds", "900,3600"),
        ("ec2:IKEVersions", "ikev1,ikev2"),
    ];
    let of_new = needed::<op::CreateVpnConnection>(&cloud, create.clone());
    has(on(&of_new, "vpn-connection/*"), &both);
    let made = cloud.ok::<op::CreateVpnConnection>(create).vpn_connection.unwrap();
    let id = made.vpn_connection_id.unwrap();
    let change = input!(ModifyVpnTunnelOptionsRequest {
        vpn_connection_id: &id,
        vpn_tunnel_outside_ip_address: "198.51.100.1",
        tunnel_options: api::ModifyVpnTunnelOptionsSpecification {
            dpd_timeout_seconds: Some(60),
            ..Default::default()
        },
    });
    let of_held = needed::<op::ModifyVpnTunnelOptions>(&cloud, change);
    let connection = on(&of_held, &format!("vpn-connection/{id}"));
    has(connection, &both);
    has(connection, &[("ec2:DPDTimeoutSeconds", "60")]);
    let all = format!("{of_new:?}{of_held:?}");
    assert!(!all.contains("secret_key_of_mine"), "keys of tunnels are in no policy");
}

#[test]
fn tags_name_their_resources_by_id() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let input = input!(CreateTagsRequest {
        resources: vec![vpc.clone(), "i-0123456789abcdef0".to_owned(), "odd".to_owned()],
        tags: tags(&[("Team", "red")])
    });
    let needed = needed::<op::CreateTags>(&cloud, input);
    let expected = [format!("vpc/{vpc}"), "instance/i-0123456789abcdef0".to_owned(), "*".to_owned()];
    assert_eq!(all(&needed), expected.map(|resource| format!("ec2:CreateTags {resource}")));
    let (keys, _): (Vec<_>, Vec<_>) = needed[0].keys.iter().cloned().unzip();
    assert_eq!(keys, ["aws:RequestTag/Team", "aws:TagKeys", "ec2:Region"], "there is no ec2:CreateAction");
}

#[test]
fn tags_on_create_need_an_action_of_their_own() {
    let cloud = cloud();
    let input = input!(CreateVpcRequest {
        cidr_block: "10.0.0.0/16",
        tag_specifications: tagged("vpc", &[("Team", "red"), ("Cost", "1")]),
    });
    let needed = needed::<op::CreateVpc>(&cloud, input);
    assert_eq!(all(&needed), ["ec2:CreateVpc vpc/*", "ec2:CreateTags vpc/*"]);
    assert_eq!(needed[1].keys[0], ("ec2:CreateAction".to_owned(), vec!["CreateVpc".to_owned()]));
    for permission in &needed {
        let expected =
            [("aws:RequestTag/Team", "red"), ("aws:RequestTag/Cost", "1"), ("aws:TagKeys", "Team,Cost")];
        has(&permission.resources[0], &expected);
    }
}

#[test]
fn what_is_made_under_a_name_of_ones_own_has_the_tags_of_the_request() {
    let cloud = cloud();
    let specified = |resource_type: &str| tagged(resource_type, &[("Team", "red")]);
    let expected = [("aws:RequestTag/Team", "red"), ("aws:TagKeys", "Team")];
    let pair = input!(CreateKeyPairRequest { key_name: "k", tag_specifications: specified("key-pair") });
    let import = input!(ImportKeyPairRequest { key_name: "k", tag_specifications: specified("key-pair") });
    let group = input!(CreatePlacementGroupRequest {
        group_name: "near",
        tag_specifications: specified("placement-group"),
    });
    has(on(&needed::<op::CreateKeyPair>(&cloud, pair), "key-pair/k"), &expected);
    has(on(&needed::<op::ImportKeyPair>(&cloud, import), "key-pair/k"), &expected);
    has(on(&needed::<op::CreatePlacementGroup>(&cloud, group), "placement-group/near"), &expected);
}

#[test]
fn associations_lead_to_their_resources() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let subnet = cloud.subnet(&vpc, "10.0.0.0/24");
    let table = cloud.ok::<op::CreateRouteTable>(input!(CreateRouteTableRequest { vpc_id: &vpc }));
    let table = table.route_table.unwrap().route_table_id.unwrap();
    let associate = input!(AssociateRouteTableRequest { route_table_id: &table, subnet_id: &subnet });
    let association = cloud.ok::<op::AssociateRouteTable>(associate).association_id.unwrap();
    let input = input!(DisassociateRouteTableRequest { association_id: &association });
    let found = all(&needed::<op::DisassociateRouteTable>(&cloud, input));
    let action = "ec2:DisassociateRouteTable";
    assert_eq!(found, [format!("{action} route-table/{table}"), format!("{action} subnet/{subnet}")]);
}

#[test]
fn notifications_lead_to_what_they_are_about() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let endpoint = input!(CreateVpcEndpointRequest { vpc_id: &vpc, service_name: crate::vpc_endpoint::S3 });
    let endpoint = cloud.ok::<op::CreateVpcEndpoint>(endpoint).vpc_endpoint.unwrap().vpc_endpoint_id.unwrap();
    let service = crate::vpc_endpoint_service::create(&cloud, crate::vpc_endpoint_service::request());
    let service = crate::vpc_endpoint_service::service_id(&service);
    let topic = "arn:aws:sns:us-east-1:123456789012:news";
    let create = |service: Option<&String>, endpoint: Option<&String>| {
        let made = cloud.ok::<op::CreateVpcEndpointConnectionNotification>(
            api::CreateVpcEndpointConnectionNotificationRequest {
                service_id: service.cloned(),
                vpc_endpoint_id: endpoint.cloned(),
                connection_notification_arn: topic.to_owned(),
                connection_events: vec!["Accept".to_owned()],
                ..Default::default()
            },
        );
        made.connection_notification.unwrap().connection_notification_id.unwrap()
    };
    let ids = [create(Some(&service), None), create(None, Some(&endpoint))];
    let change =
        input!(ModifyVpcEndpointConnectionNotificationRequest { connection_notification_id: &ids[0] });
    let found = all(&needed::<op::ModifyVpcEndpointConnectionNotification>(&cloud, change));
    let service = format!("vpc-endpoint-service/{service}");
    assert_eq!(found, [format!("ec2:ModifyVpcEndpointConnectionNotification {service}")]);
    let delete = input!(DeleteVpcEndpointConnectionNotificationsRequest { connection_notification_ids: ids });
    let found = all(&needed::<op::DeleteVpcEndpointConnectionNotifications>(&cloud, delete));
    let action = "ec2:DeleteVpcEndpointConnectionNotifications";
    assert_eq!(found, [format!("{action} vpc-endpoint/{endpoint}"), format!("{action} {service}")]);
}

#[test]
fn changes_say_which_attributes_they_are_of() {
    let cloud = cloud();
    let vpc = cloud.vpc("10.0.0.0/16");
    let input = input!(ModifyVpcAttributeRequest {
        vpc_id: &vpc,
        enable_dns_hostnames: input!(AttributeBooleanValue { value: true }),
    });
    let needed = needed::<op::ModifyVpcAttribute>(&cloud, input);
    let expected = [("ec2:Attribute", "EnableDnsHostnames"), ("ec2:Attribute/EnableDnsHostnames", "true")];
    has(on(&needed, &format!("vpc/{vpc}")), &expected);
}

#[test]
fn what_another_account_shares_has_its_owners_arn() {
    let owner = cloud();
    let vpc = owner.vpc("10.0.0.0/16");
    let subnet = owner.subnet(&vpc, "10.0.0.0/24");
    let other = owner.seen_by("210987654321", "us-east-1");
    let of = |cloud: &Cloud| {
        let input = input!(CreateNetworkInterfaceRequest { subnet_id: &subnet });
        let needed = needed::<op::CreateNetworkInterface>(cloud, input);
        let found = needed[0].resources.iter().find(|held| held.arn.ends_with(&subnet)).unwrap();
        (found.arn.split(':').nth(4).unwrap().to_owned(), found.owner.map(|owner| owner.to_string()))
    };
    assert_eq!(of(&other), ("210987654321".to_owned(), None), "it does not see the subnet");
    owner.share(&other, &[&format!("subnet/{subnet}")]);
    assert_eq!(of(&other), ("123456789012".to_owned(), Some("123456789012".to_owned())));
    assert_eq!(of(&owner), ("123456789012".to_owned(), None));
}

/// A value of a shape in which every member is there.
fn sample(model: &'static Model, shape: ShapeId, depth: usize) -> Value {
    match &model.shape(shape).kind {
        ShapeKind::Structure(structure) if depth > 0 => {
            let members = structure.members.iter();
            let members = members.map(|member| (member.name, sample(model, member.shape, depth - 1)));
            Value::Structure(members.collect::<Fields>())
        }
        ShapeKind::List(list) if depth > 0 => Value::List(vec![sample(model, list.element, depth - 1)]),
        ShapeKind::String(_) => Value::String("sample".to_owned()),
        ShapeKind::Boolean => Value::Boolean(true),
        ShapeKind::Integer(_) | ShapeKind::Long(_) => Value::Integer(1),
        _ => Value::Null,
    }
}

/// The types of the table and those of ARNs are the same, for every operation and whether or not members are there.
#[test]
fn every_operation_needs_what_the_table_knows() {
    let cloud = cloud();
    let context = cloud.context();
    let model = aws_model::service("ec2").unwrap().model();
    let mut restricted = BTreeSet::new();
    for name in Ec2::operation_names() {
        let shape = model.operation(name).unwrap().input.as_ref().unwrap().shape;
        for input in [Value::Structure(Fields::new()), sample(model, shape, 6)] {
            let needed = cloud.ec2.needed_permissions(&context, name, &input);
            let needed = needed.unwrap_or_else(|| panic!("{name} has no entry"));
            assert!(!needed.is_empty(), "{name}");
            for permission in &needed {
                let (prefix, action_name) = split_action(&permission.action);
                let action = action(prefix, action_name).unwrap_or_else(|| panic!("{}", permission.action));
                assert!(!permission.resources.is_empty(), "{name}");
                for resource in permission.resources.iter().filter(|held| held.arn != "*") {
                    restricted.insert(name);
                    resource.arn.parse::<Arn>().unwrap();
                    let held = resource_type_of_arn(prefix, &resource.arn);
                    let held = held.unwrap_or_else(|| panic!("{name}: {}", resource.arn));
                    assert!(
                        action.resource(held.name).is_some(),
                        "{name}: {action_name} on {}",
                        resource.arn
                    );
                }
            }
        }
    }
    assert!(restricted.len() > 180, "{}", restricted.len());
}

#[test]
fn a_group_without_a_vpc_is_in_the_default_one() {
    let cloud = cloud();
    let default = cloud.default_vpc();
    let input = input!(CreateSecurityGroupRequest { group_name: "g", description: "d" });
    let needed = needed::<op::CreateSecurityGroup>(&cloud, input);
    let create = "ec2:CreateSecurityGroup";
    let vpc = format!("vpc/{default}");
    assert_eq!(all(&needed), [format!("{create} security-group/*"), format!("{create} {vpc}")]);
    has(on(&needed, &vpc), &[("ec2:Tenancy", "default")]);
}

#[test]
fn flow_logs_pass_their_roles() {
    let cloud = cloud();
    let request = api::CreateFlowLogsRequest {
        resource_ids: vec!["vpc-1".to_owned()],
        resource_type: "VPC".to_owned(),
        deliver_logs_permission_arn: Some(ROLE.to_owned()),
        ..Default::default()
    };
    let needed = needed::<op::CreateFlowLogs>(&cloud, request);
    let passed = needed.iter().find(|permission| permission.action == "iam:PassRole").unwrap();
    assert_eq!(passed.resources[0].arn, ROLE);
    let to = ("iam:PassedToService".to_owned(), vec!["vpc-flow-logs.amazonaws.com".to_owned()]);
    assert!(passed.keys.contains(&to), "{:?}", passed.keys);
}
