//! What analyses of paths find, in networks that requests have made: for each code of AWS's, something that brings it about.

use aws_api::ec2::{self as api, operation as op};

use super::carry_out;
use crate::projection::tests::cloud::{Cloud, OTHER, input};

/// A VPC with two subnets in two zones, and an interface in each, with the VPC's own group.
struct World {
    cloud: Cloud,
    vpc: String,
    subnets: [String; 2],
    /// Of all subnets.
    table: String,
    acl: String,
    group: String,
    interfaces: [String; 2],
}

/// What an analysis says.
struct Said {
    found: bool,
    analysis: api::NetworkInsightsAnalysis,
}

impl Said {
    fn codes(&self) -> Vec<&str> {
        let all = self.analysis.explanations.iter().flatten();
        all.map(|told| told.explanation_code.as_deref().unwrap()).collect()
    }

    fn explanation(&self, code: &str) -> &api::Explanation {
        let mut all = self.analysis.explanations.iter().flatten();
        let found = all.find(|told| told.explanation_code.as_deref() == Some(code));
        found.unwrap_or_else(|| panic!("{code} is not among {:?}", self.codes()))
    }

    fn way(&self) -> Vec<String> {
        ids(self.analysis.forward_path_components.as_ref())
    }

    fn way_back(&self) -> Vec<String> {
        ids(self.analysis.return_path_components.as_ref())
    }
}

fn ids(components: Option<&Vec<api::PathComponent>>) -> Vec<String> {
    let all = components.into_iter().flatten();
    all.map(|told| told.component.as_ref().unwrap().id.clone().unwrap()).collect()
}

/// The ids without what is after their prefix.
fn kinds(ids: &[String]) -> Vec<&str> {
    ids.iter().map(|id| id.rsplit_once('-').unwrap().0).collect()
}

fn permission(protocol: &str, port: Option<i32>) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some(protocol.to_owned()),
        from_port: port,
        to_port: port,
        ..api::IpPermission::default()
    }
}

fn from_block(mut permission: api::IpPermission, block: &str) -> api::IpPermission {
    let range = api::IpRange { cidr_ip: Some(block.to_owned()), ..api::IpRange::default() };
    permission.ip_ranges = Some(vec![range]);
    permission
}

fn from_group(mut permission: api::IpPermission, group: &str) -> api::IpPermission {
    let pair = api::UserIdGroupPair { group_id: Some(group.to_owned()), ..api::UserIdGroupPair::default() };
    permission.user_id_group_pairs = Some(vec![pair]);
    permission
}

impl World {
    fn new() -> Self {
        Self::in_block(Cloud::new(), "10.0")
    }

    fn in_block(mut cloud: Cloud, block: &str) -> Self {
        let vpc = cloud.vpc(&format!("{block}.0.0/16"));
        let subnets = [("a", 0), ("b", 1)]
            .map(|(zone, number)| cloud.subnet_in(&vpc, &format!("{block}.{number}.0/24"), zone));
        let interfaces = [cloud.interface(&subnets[0]), cloud.interface(&subnets[1])];
        let filters = || {
            let name = Some("vpc-id".to_owned());
            Some(vec![api::Filter { name, values: Some(vec![vpc.clone()]) }])
        };
        let mut asked = input!(DescribeRouteTablesRequest {});
        asked.filters = filters();
        let table = cloud.ok::<op::DescribeRouteTables>(asked).route_tables.unwrap().remove(0);
        let mut asked = input!(DescribeNetworkAclsRequest {});
        asked.filters = filters();
        let acl = cloud.ok::<op::DescribeNetworkAcls>(asked).network_acls.unwrap().remove(0);
        let mut asked = input!(DescribeSecurityGroupsRequest {});
        asked.filters = filters();
        let group = cloud.ok::<op::DescribeSecurityGroups>(asked).security_groups.unwrap().remove(0);
        Self {
            vpc,
            subnets,
            interfaces,
            table: table.route_table_id.unwrap(),
            acl: acl.network_acl_id.unwrap(),
            group: group.group_id.unwrap(),
            cloud,
        }
    }

    /// A request for a path over TCP.
    fn request(source: &str, destination: &str) -> api::CreateNetworkInsightsPathRequest {
        let mut request = input!(CreateNetworkInsightsPathRequest { source: source, protocol: "tcp" });
        request.destination = (!destination.is_empty()).then(|| destination.to_owned());
        request
    }

    fn analyze(&mut self, request: api::CreateNetworkInsightsPathRequest) -> Said {
        self.analyze_with(request, input!(StartNetworkInsightsAnalysisRequest {}))
    }

    fn analyze_with(
        &mut self,
        request: api::CreateNetworkInsightsPathRequest,
        mut analysis: api::StartNetworkInsightsAnalysisRequest,
    ) -> Said {
        let path = self.cloud.ok::<op::CreateNetworkInsightsPath>(request).network_insights_path.unwrap();
        analysis.network_insights_path_id = path.network_insights_path_id.unwrap();
        self.analyze_path(analysis)
    }

    fn analyze_path(&mut self, request: api::StartNetworkInsightsAnalysisRequest) -> Said {
        let started = self.cloud.ok::<op::StartNetworkInsightsAnalysis>(request);
        let started = started.network_insights_analysis.unwrap();
        assert_eq!(started.status.as_deref(), Some("running"));
        let revision = self.cloud.store.snapshot().revision().0;
        carry_out(&self.cloud.store, &self.cloud.ec2, &[], self.cloud.now);
        let id = started.network_insights_analysis_id.unwrap();
        let asked =
            input!(DescribeNetworkInsightsAnalysesRequest { network_insights_analysis_ids: [id.as_str()] });
        let described = self.cloud.ok::<op::DescribeNetworkInsightsAnalyses>(asked);
        let analysis = described.network_insights_analyses.unwrap().remove(0);
        assert_eq!(analysis.status.as_deref(), Some("succeeded"));
        assert!(analysis.status_message.as_ref().unwrap().contains(&format!("revision {revision}")));
        Said { found: analysis.network_path_found.unwrap(), analysis }
    }

    /// From the first interface to the second, to port 22.
    fn between(&mut self) -> Said {
        let [source, destination] = self.interfaces.clone();
        let mut request = Self::request(&source, &destination);
        request.destination_port = Some(22);
        self.analyze(request)
    }

    /// From the first interface to something.
    fn to(&mut self, destination: &str) -> Said {
        let source = self.interfaces[0].clone();
        self.analyze(Self::request(&source, destination))
    }

    fn route(&mut self, block: &str, set: impl FnOnce(&mut api::CreateRouteRequest)) {
        let table = self.table.clone();
        self.route_in(&table, block, set);
    }

    fn route_in(&mut self, table: &str, block: &str, set: impl FnOnce(&mut api::CreateRouteRequest)) {
        let mut request = input!(CreateRouteRequest { route_table_id: table, destination_cidr_block: block });
        set(&mut request);
        self.cloud.ok::<op::CreateRoute>(request);
    }

    /// Gives the group no rules for what comes in.
    fn close(&mut self) {
        let rule = from_group(permission("-1", None), &self.group);
        let mut request = input!(RevokeSecurityGroupIngressRequest { group_id: self.group.as_str() });
        request.ip_permissions = Some(vec![rule]);
        self.cloud.ok::<op::RevokeSecurityGroupIngress>(request);
    }

    /// Lets traffic come in to the group.
    fn open(&mut self, rule: api::IpPermission) {
        let mut request = input!(AuthorizeSecurityGroupIngressRequest { group_id: self.group.as_str() });
        request.ip_permissions = Some(vec![rule]);
        self.cloud.ok::<op::AuthorizeSecurityGroupIngress>(request);
    }

    fn deny(&mut self, egress: bool, from: i32, to: i32) {
        let mut request = input!(CreateNetworkAclEntryRequest {
            network_acl_id: self.acl.as_str(),
            rule_number: 50,
            egress: egress,
            protocol: "6",
            rule_action: "deny",
            cidr_block: "0.0.0.0/0",
        });
        request.port_range = Some(api::PortRange { from: Some(from), to: Some(to) });
        self.cloud.ok::<op::CreateNetworkAclEntry>(request);
    }

    /// An internet gateway with the default route.
    fn internet(&mut self) -> String {
        let vpc = self.vpc.clone();
        let gateway = self.cloud.internet_gateway(&vpc);
        self.route("0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
        gateway
    }

    /// Gives an interface a public address.
    fn publish(&mut self, number: usize) -> String {
        let (allocation, address) = self.cloud.elastic_ip();
        let request = input!(AssociateAddressRequest {
            allocation_id: allocation.as_str(),
            network_interface_id: self.interfaces[number].as_str(),
        });
        self.cloud.ok::<op::AssociateAddress>(request);
        address
    }
}

#[test]
fn a_path_that_packets_take() {
    let mut world = World::new();
    let said = world.between();
    assert!(said.found, "{:?}", said.codes());
    assert!(said.codes().is_empty());
    let [source, destination] = &world.interfaces;
    let (acl, table, group) = (&world.acl, &world.table, &world.group);
    assert_eq!(said.way(), [source, group, acl, table, acl, group, destination].map(String::as_str));
    assert_eq!(said.way_back(), [destination, group, acl, table, acl, group, source].map(String::as_str));
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let numbers: Vec<_> = way.iter().map(|told| told.sequence_number.unwrap()).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let header = way[0].outbound_header.as_ref().unwrap();
    assert_eq!(header.protocol.as_deref(), Some("6"));
    let ports = &header.destination_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(22), Some(22)));
    assert!(header.source_addresses.as_ref().unwrap()[0].starts_with("10.0.0."));
    assert!(header.destination_addresses.as_ref().unwrap()[0].starts_with("10.0.1."));
    let rule = way[5].security_group_rule.as_ref().unwrap();
    assert_eq!(
        (rule.direction.as_deref(), rule.security_group_id.as_ref(), rule.protocol.as_deref()),
        (Some("ingress"), Some(group), Some("all"))
    );
    let entry = way[2].acl_rule.as_ref().unwrap();
    assert_eq!(
        (entry.egress, entry.rule_number, entry.rule_action.as_deref()),
        (Some(true), Some(100), Some("allow"))
    );
    let route = way[3].route_table_route.as_ref().unwrap();
    assert_eq!(
        (route.destination_cidr.as_deref(), route.gateway_id.as_deref(), route.origin.as_deref()),
        (Some("10.0.0.0/16"), Some("local"), Some("createroutetable"))
    );
    let details = way[6].additional_details.as_ref().unwrap();
    assert_eq!(details[0].additional_detail_type.as_deref(), Some("AVAILABILITY_ZONE_CROSSED"));
    assert_eq!(way[6].subnet.as_ref().unwrap().id.as_ref(), Some(&world.subnets[1]));
}

#[test]
fn security_groups() {
    let mut world = World::new();
    world.close();
    let said = world.between();
    assert!(!said.found);
    assert_eq!(said.codes(), ["ENI_SG_RULES_MISMATCH"]);
    let told = said.explanation("ENI_SG_RULES_MISMATCH");
    assert_eq!(told.direction.as_deref(), Some("ingress"));
    let id = |component: &Option<api::AnalysisComponent>| component.as_ref().unwrap().id.clone().unwrap();
    assert_eq!(id(&told.network_interface), world.interfaces[1]);
    assert_eq!(told.security_groups.as_ref().unwrap()[0].id.as_ref(), Some(&world.group));
    assert_eq!(id(&told.vpc), world.vpc);
    // Without any rule, both ends refuse it, and the group is said to be empty.
    let mut request = input!(RevokeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    request.ip_permissions = Some(vec![from_block(permission("-1", None), "0.0.0.0/0")]);
    world.cloud.ok::<op::RevokeSecurityGroupEgress>(request);
    let mut request = input!(RevokeSecurityGroupEgressRequest { group_id: world.group.as_str() });
    let range = api::Ipv6Range { cidr_ipv6: Some("::/0".to_owned()), description: None };
    request.ip_permissions =
        Some(vec![api::IpPermission { ipv6_ranges: Some(vec![range]), ..permission("-1", None) }]);
    // A VPC whose IPv6 block came with it has this rule too.
    let _ = world.cloud.call::<op::RevokeSecurityGroupEgress>(request);
    let said = world.between();
    let directions: Vec<_> =
        said.analysis.explanations.iter().flatten().filter_map(|told| told.direction.as_deref()).collect();
    assert_eq!(directions, ["egress", "ingress"]);
    assert_eq!(
        said.codes(),
        ["ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES", "ENI_SG_RULES_MISMATCH", "SG_HAS_NO_RULES"]
    );
}

#[test]
fn network_acls_there_and_back() {
    let mut world = World::new();
    world.deny(false, 22, 22);
    let said = world.between();
    assert_eq!(said.codes(), ["SUBNET_ACL_RESTRICTION"]);
    let told = said.explanation("SUBNET_ACL_RESTRICTION");
    assert_eq!(told.acl.as_ref().unwrap().id.as_ref(), Some(&world.acl));
    let rule = told.acl_rule.as_ref().unwrap();
    assert_eq!(
        (rule.rule_number, rule.rule_action.as_deref(), rule.egress, rule.protocol.as_deref()),
        (Some(50), Some("deny"), Some(false), Some("tcp"))
    );
    // The reply goes to ports above 1023: of those below, some way is open.
    let mut world = World::new();
    world.deny(true, 1024, 65_535);
    let said = world.between();
    assert!(said.found);
    let back = said.analysis.return_path_components.as_ref().unwrap();
    let ports = &back[0].outbound_header.as_ref().unwrap().destination_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(0), Some(1023)));
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.filter_at_source = Some(api::PathRequestFilter {
        source_port_range: Some(api::RequestFilterPortRange { from_port: Some(1024), to_port: Some(65_535) }),
        destination_port_range: Some(api::RequestFilterPortRange { from_port: Some(22), to_port: Some(22) }),
        ..api::PathRequestFilter::default()
    });
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["SUBNET_ACL_RESTRICTION", "FILTER_AT_SOURCE_SOURCE_PORT_RANGE"]);
    assert_eq!(said.explanation("SUBNET_ACL_RESTRICTION").direction.as_deref(), Some("egress"));
}

#[test]
fn the_internet() {
    let mut world = World::new();
    let gateway = world.cloud.ok::<op::CreateInternetGateway>(input!(CreateInternetGatewayRequest {}));
    let gateway = gateway.internet_gateway.unwrap().internet_gateway_id.unwrap();
    assert_eq!(world.to(&gateway).codes(), ["UNASSOCIATED_COMPONENT"]);
    let request = input!(AttachInternetGatewayRequest {
        internet_gateway_id: gateway.as_str(),
        vpc_id: world.vpc.as_str()
    });
    world.cloud.ok::<op::AttachInternetGateway>(request);
    assert_eq!(world.to(&gateway).codes()[0], "NO_ROUTE_TO_DESTINATION");
    world.route("0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
    let said = world.to(&gateway);
    assert_eq!(said.codes(), ["IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS"]);
    let told = said.explanation("IGW_PUBLIC_IP_ASSOCIATION_FOR_EGRESS");
    assert_eq!(told.internet_gateway.as_ref().unwrap().id.as_ref(), Some(&gateway));
    let public = world.publish(0);
    let said = world.to(&gateway);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "igw"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let header = way[4].outbound_header.as_ref().unwrap();
    assert_eq!(header.source_addresses.as_ref().unwrap(), &[format!("{public}/32")]);

    let to_address = |world: &mut World, address: &str| {
        let mut request = World::request(&world.interfaces[0].clone(), &gateway);
        request.destination_ip = Some(address.to_owned());
        world.analyze(request)
    };
    let codes = to_address(&mut world, "192.168.1.1");
    assert_eq!(codes.codes()[0], "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS");
    let codes = to_address(&mut world, "100.64.1.1");
    assert_eq!(codes.codes()[0], "IGW_DESTINATION_ADDRESS_NOT_IN_RFC6598_EGRESS");
    assert!(to_address(&mut world, "198.51.100.77").found);

    // From the internet.
    let inwards = |world: &mut World, number: usize, source: Option<&str>| {
        let mut request = World::request(&gateway, &world.interfaces[number].clone());
        request.destination_port = Some(443);
        request.source_ip = source.map(str::to_owned);
        world.analyze(request)
    };
    assert_eq!(inwards(&mut world, 0, None).codes(), ["ENI_SG_RULES_MISMATCH"]);
    world.open(from_block(permission("tcp", Some(443)), "198.51.100.0/24"));
    let said = inwards(&mut world, 0, None);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["igw", "acl", "sg", "eni"]);
    assert_eq!(kinds(&said.way_back()), ["eni", "sg", "acl", "rtb", "igw"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let header = way[0].inbound_header.as_ref().unwrap();
    assert_eq!(header.source_addresses.as_ref().unwrap(), &["198.51.100.0/24"]);
    assert_eq!(header.destination_addresses.as_ref().unwrap(), &[format!("{public}/32")]);
    assert_eq!(inwards(&mut world, 0, Some("203.0.113.9")).codes(), ["ENI_SG_RULES_MISMATCH"]);
    assert_eq!(
        inwards(&mut world, 0, Some("10.9.9.9")).codes()[0],
        "IGW_SOURCE_ADDRESS_NOT_IN_RFC1918_INGRESS"
    );
    assert_eq!(
        inwards(&mut world, 0, Some("100.64.9.9")).codes()[0],
        "IGW_SOURCE_ADDRESS_NOT_IN_RFC6598_INGRESS"
    );
    assert_eq!(inwards(&mut world, 1, None).codes()[0], "IGW_PRIVATE_IP_ASSOCIATION_FOR_INGRESS");

    let mut request = input!(ModifyVpcBlockPublicAccessOptionsRequest {});
    request.internet_gateway_block_mode = "block-bidirectional".to_owned();
    world.cloud.ok::<op::ModifyVpcBlockPublicAccessOptions>(request);
    world.cloud.settle();
    assert_eq!(world.to(&gateway).codes(), ["VPC_BLOCK_PUBLIC_ACCESS_ENABLED"]);
}

#[test]
fn other_ways_than_the_wanted_one() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    // What a NAT gateway carries does not go out by the internet gateway from here.
    let (allocation, _) = world.cloud.elastic_ip();
    let request = input!(CreateNatGatewayRequest {
        subnet_id: world.subnets[1].as_str(),
        allocation_id: allocation.as_str(),
    });
    let nat = world.cloud.ok::<op::CreateNatGateway>(request).nat_gateway.unwrap().nat_gateway_id.unwrap();
    world.cloud.settle();
    world.route("198.51.100.0/24", |route| route.nat_gateway_id = Some(nat.clone()));
    let of_nat = world.cloud.table(&world.vpc.clone());
    let request = input!(AssociateRouteTableRequest {
        route_table_id: of_nat.as_str(),
        subnet_id: world.subnets[1].as_str()
    });
    world.cloud.ok::<op::AssociateRouteTable>(request);
    world.route_in(&of_nat, "0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
    let arn = |id: &str, kind: &str| format!("arn:aws:ec2:us-east-1:123456789012:{kind}/{id}");
    let request = World::request(&world.interfaces[0], &gateway);
    // Some way does not pass it: the shortest.
    let said = world.analyze(request.clone());
    assert!(said.found && !said.way().contains(&nat), "{:?}", said.way());
    let through = arn(&nat, "natgateway");
    let said = world.analyze_with(
        request.clone(),
        input!(StartNetworkInsightsAnalysisRequest { filter_in_arns: [through.as_str()] }),
    );
    assert!(said.found && said.way().contains(&nat), "{:?} {:?}", said.codes(), said.way());
    let mut to_one = request.clone();
    to_one.destination_ip = Some("198.51.100.7".to_owned());
    let said = world.analyze_with(
        to_one,
        input!(StartNetworkInsightsAnalysisRequest { filter_out_arns: [through.as_str()] }),
    );
    assert_eq!(said.codes(), ["COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT"]);
    assert_eq!(
        said.explanation("COMPONENT_FILTER_RESTRICTION_REMOVED_COMPONENT")
            .component
            .as_ref()
            .unwrap()
            .id
            .as_ref(),
        Some(&nat)
    );
    let mut beside = request;
    beside.destination_ip = Some("203.0.113.7".to_owned());
    let said = world.analyze_with(
        beside,
        input!(StartNetworkInsightsAnalysisRequest { filter_in_arns: [through.as_str()] }),
    );
    assert_eq!(said.codes(), ["COMPONENT_FILTER_RESTRICTION"]);
    let hinted = said.analysis.alternate_path_hints.as_ref().unwrap();
    assert_eq!(hinted[0].component_id.as_ref(), Some(&gateway));
}

#[test]
fn routes_that_were_not_used() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    let vpn = world.cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vpn = vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let request =
        input!(AttachVpnGatewayRequest { vpn_gateway_id: vpn.as_str(), vpc_id: world.vpc.as_str() });
    world.cloud.ok::<op::AttachVpnGateway>(request);
    world.cloud.settle();
    world.route("198.51.100.0/24", |route| route.gateway_id = Some(vpn.clone()));
    let to = |world: &mut World, destination: &str, address: &str| {
        let mut request = World::request(&world.interfaces[0].clone(), destination);
        request.destination_ip = Some(address.to_owned());
        world.analyze(request)
    };
    let said = to(&mut world, &gateway, "198.51.100.7");
    assert_eq!(said.codes(), ["BAD_STATE_VPN", "MORE_SPECIFIC_ROUTE"]);
    let told = said.explanation("MORE_SPECIFIC_ROUTE").route_table_route.as_ref().unwrap();
    assert_eq!(told.destination_cidr.as_deref(), Some("0.0.0.0/0"));
    let said = to(&mut world, &vpn, "203.0.113.7");
    assert_eq!(said.codes(), ["UNKNOWN_DESTINATION", "CANNOT_ROUTE"]);
    let said = to(&mut world, &vpn, "198.51.100.7");
    assert_eq!(said.codes(), ["BAD_STATE_VPN"]);
}

#[test]
fn ends_that_are_not_there() {
    let mut world = World::new();
    let path = world
        .cloud
        .ok::<op::CreateNetworkInsightsPath>(World::request(&world.interfaces[0], &world.interfaces[1]));
    let path = path.network_insights_path.unwrap().network_insights_path_id.unwrap();
    let request =
        input!(DeleteNetworkInterfaceRequest { network_interface_id: world.interfaces[1].as_str() });
    world.cloud.ok::<op::DeleteNetworkInterface>(request);
    let said = world.analyze_path(input!(StartNetworkInsightsAnalysisRequest {
        network_insights_path_id: path.as_str()
    }));
    assert_eq!(said.codes(), ["NO_SOURCE_OR_DESTINATION"]);
    // A source that is not its own address.
    let mut world = World::new();
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.source_ip = Some("10.0.0.200".to_owned());
    let said = world.analyze(request);
    assert_eq!(
        said.codes(),
        ["ENI_SOURCE_DEST_CHECK_RESTRICTION", "ENI_SG_RULES_MISMATCH", "NO_POSSIBLE_DESTINATION"],
        "nor has the group's rule anything to do with it, nor would the reply find anybody"
    );
    // An address that nobody has.
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("10.0.1.200".to_owned());
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["NO_POSSIBLE_DESTINATION"]);
    assert_eq!(said.explanation("NO_POSSIBLE_DESTINATION").address.as_deref(), Some("10.0.1.200"));
}

#[test]
fn filters_at_the_ends() {
    let mut world = World::new();
    world.close();
    world.open(from_group(permission("tcp", Some(22)), &world.group.clone()));
    let range = |from, to| Some(api::RequestFilterPortRange { from_port: Some(from), to_port: Some(to) });
    let check = |world: &mut World, at_source, at_destination, expected: &[&str]| {
        let mut request = World::request(&world.interfaces[0].clone(), &world.interfaces[1].clone());
        request.filter_at_source = at_source;
        request.filter_at_destination = at_destination;
        let said = world.analyze(request);
        assert_eq!(said.codes(), expected);
        assert_eq!(said.found, expected.is_empty());
    };
    let filter = api::PathRequestFilter::default;
    // Of all ports, the one that is open.
    check(&mut world, None, None, &[]);
    let ports = || api::PathRequestFilter { destination_port_range: range(80, 90), ..filter() };
    check(
        &mut world,
        Some(ports()),
        None,
        &["ENI_SG_RULES_MISMATCH", "FILTER_AT_SOURCE_DESTINATION_PORT_RANGE"],
    );
    check(
        &mut world,
        None,
        Some(ports()),
        &["ENI_SG_RULES_MISMATCH", "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE"],
    );
    let address = |address: &str| Some(address.to_owned());
    let from = |source: &str| api::PathRequestFilter { source_address: address(source), ..filter() };
    check(
        &mut world,
        Some(from("10.0.0.77")),
        None,
        &[
            "ENI_SOURCE_DEST_CHECK_RESTRICTION",
            "ENI_SG_RULES_MISMATCH",
            "NO_POSSIBLE_DESTINATION",
            "FILTER_AT_SOURCE_SOURCE_ADDRESS",
        ],
    );
    let to =
        |destination: &str| api::PathRequestFilter { destination_address: address(destination), ..filter() };
    check(
        &mut world,
        Some(to("10.0.1.77")),
        None,
        &["NO_POSSIBLE_DESTINATION", "FILTER_AT_SOURCE_DESTINATION_ADDRESS"],
    );
    check(&mut world, None, Some(from("10.0.0.77")), &["FILTER_AT_DESTINATION_SOURCE_ADDRESS"]);
    check(&mut world, None, Some(to("10.0.1.77")), &["FILTER_AT_DESTINATION_DESTINATION_ADDRESS"]);
}

/// Two VPCs of one cloud.
fn two_vpcs() -> (World, World2) {
    let mut one = World::new();
    let vpc = one.cloud.vpc("10.1.0.0/16");
    let subnet = one.cloud.subnet_in(&vpc, "10.1.0.0/24", "a");
    let interface = one.cloud.interface(&subnet);
    one.open(from_block(permission("-1", None), "10.0.0.0/8"));
    (one, World2 { vpc, subnet, interface })
}

struct World2 {
    vpc: String,
    subnet: String,
    interface: String,
}

/// Lets anybody into the group of an interface, and gives its table.
fn open_other(world: &mut World, other: &World2) -> String {
    let asked =
        input!(DescribeNetworkInterfacesRequest { network_interface_ids: [other.interface.as_str()] });
    let found = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap().remove(0);
    let group = found.groups.unwrap().remove(0).group_id.unwrap();
    let mut request = input!(AuthorizeSecurityGroupIngressRequest { group_id: group.as_str() });
    request.ip_permissions = Some(vec![from_block(permission("-1", None), "10.0.0.0/8")]);
    world.cloud.ok::<op::AuthorizeSecurityGroupIngress>(request);
    let mut asked = input!(DescribeRouteTablesRequest {});
    let name = Some("vpc-id".to_owned());
    asked.filters = Some(vec![api::Filter { name, values: Some(vec![other.vpc.clone()]) }]);
    let table = world.cloud.ok::<op::DescribeRouteTables>(asked).route_tables.unwrap().remove(0);
    table.route_table_id.unwrap()
}

#[test]
fn peering() {
    let (mut world, other) = two_vpcs();
    let table = open_other(&mut world, &other);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["NO_ROUTE_TO_DESTINATION", "DISCONNECTED_VPCS"]);
    let request = input!(CreateVpcPeeringConnectionRequest {
        vpc_id: world.vpc.as_str(),
        peer_vpc_id: other.vpc.as_str()
    });
    let peering = world.cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    world.cloud.settle();
    let request = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::AcceptVpcPeeringConnection>(request);
    world.cloud.settle();
    assert_eq!(world.to(&other.interface).codes(), ["NO_ROUTE_TO_DESTINATION"]);
    world.route("10.1.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["NO_ROUTE_TO_DESTINATION"], "of the reply");
    assert_eq!(
        said.explanation("NO_ROUTE_TO_DESTINATION").route_table.as_ref().unwrap().id.as_ref(),
        Some(&table)
    );
    // The connection itself can be come to all the same.
    let said = world.to(&peering);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "pcx"]);
    world.route_in(&table, "10.0.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let said = world.to(&other.interface);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "pcx", "acl", "sg", "eni"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let passed = &way[4];
    assert_eq!(passed.source_vpc.as_ref().unwrap().id.as_ref(), Some(&world.vpc));
    assert_eq!(passed.destination_vpc.as_ref().unwrap().id.as_ref(), Some(&other.vpc));
    // From whatever comes by it.
    let said = world.analyze(World::request(&peering, &other.interface));
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["pcx", "acl", "sg", "eni"]);
    assert_eq!(kinds(&said.way_back()), ["eni", "sg", "acl", "rtb", "pcx"]);
    // No transit.
    world.route("172.16.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("172.16.0.1".to_owned());
    assert_eq!(world.analyze(request).codes(), ["PCX_REQUIRES_ADDRESS_IN_VPC_CIDR"]);
    let request = input!(DeleteVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::DeleteVpcPeeringConnection>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["BAD_STATE_ROUTE", "DISCONNECTED_VPCS"]);
}

#[test]
fn transit_gateways() {
    let (mut world, other) = two_vpcs();
    let table = open_other(&mut world, &other);
    let made = world.cloud.ok::<op::CreateTransitGateway>(input!(CreateTransitGatewayRequest {}));
    let made = made.transit_gateway.unwrap();
    let transit_table = made.options.unwrap().association_default_route_table_id.unwrap();
    let gateway = made.transit_gateway_id.unwrap();
    world.cloud.settle();
    let attach = |world: &mut World, vpc: &str, subnet: &str| {
        let mut request = input!(CreateTransitGatewayVpcAttachmentRequest {
            transit_gateway_id: gateway.as_str(),
            vpc_id: vpc,
        });
        request.subnet_ids = vec![subnet.to_owned()];
        let made = world.cloud.ok::<op::CreateTransitGatewayVpcAttachment>(request);
        world.cloud.settle();
        made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap()
    };
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    let own = attach(&mut world, &vpc, &subnet);
    world.route("10.1.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    assert_eq!(
        world.to(&other.interface).codes(),
        ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "DISCONNECTED_VPCS"]
    );
    let its = attach(&mut world, &other.vpc, &other.subnet);
    world.route_in(&table, "10.0.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    let said = world.to(&other.interface);
    assert!(said.found, "{:?}", said.codes());
    let way = said.way();
    let passed: Vec<&String> = way.iter().filter(|id| id.starts_with("tgw-")).collect();
    assert_eq!(passed, [&gateway, &own, &transit_table, &its]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let route = way.iter().find_map(|told| told.transit_gateway_route_table_route.as_ref()).unwrap();
    assert_eq!(
        (route.destination_cidr.as_deref(), route.route_origin.as_deref(), route.resource_id.as_ref()),
        (Some("10.1.0.0/16"), Some("propagated"), Some(&other.vpc))
    );
    assert!(world.to(&gateway).found);
    // A zone that the attachment is not in.
    let mut request = World::request(&world.interfaces[1], &other.interface);
    request.destination_port = Some(22);
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["TGW_ROUTE_AZ_RESTRICTION"]);
    let told = said.explanation("TGW_ROUTE_AZ_RESTRICTION");
    assert_eq!(told.availability_zones.as_ref().unwrap(), &["us-east-1b"]);
    // A blackhole of its own, more specific than what leads there.
    let mut request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/24",
        transit_gateway_route_table_id: transit_table.as_str(),
    });
    request.blackhole = Some(true);
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_BAD_STATE_ROUTE", "TGW_RTB_MORE_SPECIFIC_ROUTE"]);
    let request = input!(DeleteTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/24",
        transit_gateway_route_table_id: transit_table.as_str(),
    });
    world.cloud.ok::<op::DeleteTransitGatewayRoute>(request);
    let request = input!(DisassociateTransitGatewayRouteTableRequest {
        transit_gateway_route_table_id: transit_table.as_str(),
        transit_gateway_attachment_id: own.as_str(),
    });
    world.cloud.ok::<op::DisassociateTransitGatewayRouteTable>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_ATTACH_MISSING_TGW_RTB_ASSOCIATION"]);
}

#[test]
fn gateway_endpoints() {
    let mut world = World::new();
    let mut request = input!(CreateVpcEndpointRequest {
        vpc_id: world.vpc.as_str(),
        service_name: "com.amazonaws.us-east-1.s3",
    });
    request.route_table_ids = Some(vec![world.table.clone()]);
    let endpoint = world.cloud.ok::<op::CreateVpcEndpoint>(request).vpc_endpoint.unwrap();
    let endpoint = endpoint.vpc_endpoint_id.unwrap();
    world.cloud.settle();
    let said = world.to(&endpoint);
    assert!(said.found, "{:?}", said.codes());
    assert_eq!(kinds(&said.way()), ["eni", "sg", "acl", "rtb", "vpce"]);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    assert_eq!(way[4].service_name.as_deref(), Some("com.amazonaws.us-east-1.s3"));
    assert!(way[3].route_table_route.as_ref().unwrap().gateway_id.as_ref() == Some(&endpoint));
    let mut request = World::request(&world.interfaces[0], &endpoint);
    request.protocol = "udp".to_owned();
    assert_eq!(world.analyze(request).codes(), ["VPCE_GATEWAY_PROTOCOL_RESTRICTION"]);
    let said = world.analyze(World::request(&endpoint, &world.interfaces[0].clone()));
    assert_eq!(said.codes(), ["VPCE_INTRA_VPC_TRAFFIC"]);
}

#[test]
fn what_another_account_has_is_not_told() {
    let mut world = World::new();
    world.cloud.account = OTHER;
    let vpc = world.cloud.vpc("10.1.0.0/16");
    let subnet = world.cloud.subnet_in(&vpc, "10.1.0.0/24", "a");
    let interface = world.cloud.interface(&subnet);
    let asked = input!(DescribeNetworkInterfacesRequest { network_interface_ids: [interface.as_str()] });
    let found = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap().remove(0);
    let address = found.private_ip_address.unwrap();
    world.cloud.account = crate::projection::tests::cloud::OWNER;
    let mut request =
        input!(CreateVpcPeeringConnectionRequest { vpc_id: world.vpc.as_str(), peer_vpc_id: vpc.as_str() });
    request.peer_owner_id = Some(OTHER.to_owned());
    let peering = world.cloud.ok::<op::CreateVpcPeeringConnection>(request).vpc_peering_connection.unwrap();
    let peering = peering.vpc_peering_connection_id.unwrap();
    world.cloud.settle();
    world.cloud.account = OTHER;
    let request = input!(AcceptVpcPeeringConnectionRequest { vpc_peering_connection_id: peering.as_str() });
    world.cloud.ok::<op::AcceptVpcPeeringConnection>(request);
    world.cloud.settle();
    world.cloud.account = crate::projection::tests::cloud::OWNER;
    world.route("10.1.0.0/16", |route| route.vpc_peering_connection_id = Some(peering.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some(address);
    let said = world.analyze(request.clone());
    let told = said.explanation("NO_POSSIBLE_DESTINATION");
    assert_eq!(told.component_account.as_deref(), Some(OTHER));
    assert!(told.security_groups.is_none() && told.route_table.is_none());
    assert!(!said.codes().contains(&"ENI_SG_RULES_MISMATCH"));
    assert_eq!(said.analysis.suggested_accounts.as_ref().unwrap(), &[OTHER]);
    let said = world
        .analyze_with(request, input!(StartNetworkInsightsAnalysisRequest { additional_accounts: [OTHER] }));
    assert_eq!(said.analysis.suggested_accounts, None);
}

/// What a transit gateway is made with, and its default table.
fn transit_gateway(world: &mut World) -> (String, String) {
    let mut request = input!(CreateTransitGatewayRequest {});
    request.options = Some(api::TransitGatewayRequestOptions {
        security_group_referencing_support: Some("enable".to_owned()),
        ..api::TransitGatewayRequestOptions::default()
    });
    let made = world.cloud.ok::<op::CreateTransitGateway>(request).transit_gateway.unwrap();
    let table = made.options.unwrap().association_default_route_table_id.unwrap();
    world.cloud.settle();
    (made.transit_gateway_id.unwrap(), table)
}

fn attach(world: &mut World, gateway: &str, vpc: &str, subnet: &str) -> String {
    let mut request =
        input!(CreateTransitGatewayVpcAttachmentRequest { transit_gateway_id: gateway, vpc_id: vpc });
    request.subnet_ids = vec![subnet.to_owned()];
    request.options = Some(api::CreateTransitGatewayVpcAttachmentRequestOptions {
        security_group_referencing_support: Some("enable".to_owned()),
        ..Default::default()
    });
    let made = world.cloud.ok::<op::CreateTransitGatewayVpcAttachment>(request);
    world.cloud.settle();
    made.transit_gateway_vpc_attachment.unwrap().transit_gateway_attachment_id.unwrap()
}

#[test]
fn routes_of_transit_gateways_that_were_not_used() {
    let (mut world, other) = two_vpcs();
    open_other(&mut world, &other);
    let (gateway, table) = transit_gateway(&mut world);
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    attach(&mut world, &gateway, &vpc, &subnet);
    let its = attach(&mut world, &gateway, &other.vpc, &other.subnet);
    world.route("10.1.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    // A static blackhole goes before what the attachment makes known of itself.
    let mut request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
    });
    request.blackhole = Some(true);
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_BAD_STATE_ROUTE", "TGW_RTB_HIGHER_PRIORITY_ROUTE"]);
    // A route to the attachment that is for other addresses.
    let request = input!(DeleteTransitGatewayRouteRequest {
        destination_cidr_block: "10.1.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
    });
    world.cloud.ok::<op::DeleteTransitGatewayRoute>(request);
    let request = input!(DisableTransitGatewayRouteTablePropagationRequest {
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: its.as_str(),
    });
    world.cloud.ok::<op::DisableTransitGatewayRouteTablePropagation>(request);
    let request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "10.2.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: its.as_str(),
    });
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    world.cloud.settle();
    let said = world.to(&other.interface);
    assert_eq!(said.codes(), ["TGW_RTB_NO_ROUTE_TO_TGW_ATTACHMENT", "TGW_RTB_CANNOT_ROUTE"]);
}

#[test]
fn a_transit_gateway_with_a_vpn_connection() {
    let mut world = World::new();
    let (gateway, table) = transit_gateway(&mut world);
    let (vpc, subnet) = (world.vpc.clone(), world.subnets[0].clone());
    let own = attach(&mut world, &gateway, &vpc, &subnet);
    let customer = input!(CreateCustomerGatewayRequest { r#type: "ipsec.1", ip_address: "203.0.113.1" });
    let customer = world.cloud.ok::<op::CreateCustomerGateway>(customer).customer_gateway.unwrap();
    let request = input!(CreateVpnConnectionRequest {
        r#type: "ipsec.1",
        customer_gateway_id: customer.customer_gateway_id.unwrap().as_str(),
        transit_gateway_id: gateway.as_str(),
    });
    world.cloud.ok::<op::CreateVpnConnection>(request);
    world.cloud.settle();
    let asked = input!(DescribeTransitGatewayAttachmentsRequest {});
    let all =
        world.cloud.ok::<op::DescribeTransitGatewayAttachments>(asked).transit_gateway_attachments.unwrap();
    let vpn = all.into_iter().find(|held| held.resource_type.as_deref() == Some("vpn")).unwrap();
    let vpn = vpn.transit_gateway_attachment_id.unwrap();
    let request = input!(CreateTransitGatewayRouteRequest {
        destination_cidr_block: "192.168.0.0/16",
        transit_gateway_route_table_id: table.as_str(),
        transit_gateway_attachment_id: vpn.as_str(),
    });
    world.cloud.ok::<op::CreateTransitGatewayRoute>(request);
    world.route("192.168.0.0/16", |route| route.transit_gateway_id = Some(gateway.clone()));
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("192.168.7.7".to_owned());
    assert_eq!(world.analyze(request.clone()).codes(), ["TGW_BAD_STATE_VPN"]);
    // The gateway's own interface takes nothing.
    let asked = input!(DescribeNetworkInterfacesRequest {});
    let all = world.cloud.ok::<op::DescribeNetworkInterfaces>(asked).network_interfaces.unwrap();
    let managed =
        all.into_iter().find(|held| held.interface_type.as_deref() == Some("transit_gateway")).unwrap();
    request.destination_ip = managed.private_ip_address;
    assert_eq!(world.analyze(request.clone()).codes(), ["ENI_ADDRESS_RESTRICTION"]);
    // Without its attachment.
    let request_of =
        input!(DeleteTransitGatewayVpcAttachmentRequest { transit_gateway_attachment_id: own.as_str() });
    world.cloud.ok::<op::DeleteTransitGatewayVpcAttachment>(request_of);
    request.destination_ip = Some("192.168.7.7".to_owned());
    assert_eq!(world.analyze(request).codes(), ["BAD_STATE_ATTACHMENT"]);
}

#[test]
fn groups_that_gateways_hide() {
    // By its public address, an interface is come to from the internet.
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let public = world.publish(1);
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some(public);
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["ENI_SG_RULES_MISMATCH", "SG_REFERENCES_NOT_PRESERVED"]);
    let told = said.explanation("SG_REFERENCES_NOT_PRESERVED");
    assert_eq!(told.security_group_rule.as_ref().unwrap().security_group_id.as_ref(), Some(&world.group));
}

#[test]
fn nat_gateways_and_hosts_that_nobody_is() {
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let mut request = World::request(&world.interfaces[0], "");
    request.destination_ip = Some("198.51.100.77".to_owned());
    assert_eq!(world.analyze(request.clone()).codes(), ["UNKNOWN_DESTINATION"]);
    let (allocation, _) = world.cloud.elastic_ip();
    let made = input!(CreateNatGatewayRequest {
        subnet_id: world.subnets[1].as_str(),
        allocation_id: allocation.as_str(),
    });
    let nat = world.cloud.ok::<op::CreateNatGateway>(made).nat_gateway.unwrap();
    world.cloud.settle();
    let asked = input!(DescribeNatGatewaysRequest {});
    let found = world.cloud.ok::<op::DescribeNatGateways>(asked).nat_gateways.unwrap().remove(0);
    request.destination_ip = found.nat_gateway_addresses.unwrap().remove(0).private_ip;
    assert_eq!(world.analyze(request).codes(), ["NGW_DEST_ADDRESS_PRESERVATION"]);
    let mut route = input!(CreateRouteRequest {
        route_table_id: world.table.as_str(),
        destination_ipv6_cidr_block: "64:ff9b::/96",
    });
    route.nat_gateway_id = nat.nat_gateway_id;
    world.cloud.ok::<op::CreateRoute>(route);
    let mut request = World::request(&world.interfaces[0], "");
    request.source_ip = Some("2001:db8::7".to_owned());
    request.destination_ip = Some("64:ff9b::c633:6401".to_owned());
    let said = world.analyze(request);
    assert!(said.codes().contains(&"PROTOCOL_RESTRICTION"), "{:?}", said.codes());
}

#[test]
fn middleboxes_prefix_lists_and_endpoints_of_services() {
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    // What comes in for the subnet goes to the other interface first.
    let table = world.cloud.table(&world.vpc.clone());
    let request =
        input!(AssociateRouteTableRequest { route_table_id: table.as_str(), gateway_id: gateway.as_str() });
    world.cloud.ok::<op::AssociateRouteTable>(request);
    let middlebox = world.interfaces[1].clone();
    world.route_in(&table, "10.0.0.0/24", |route| route.network_interface_id = Some(middlebox));
    let said = world.to(&gateway);
    assert_eq!(said.codes(), ["INGRESS_RTB_TRAFFIC_REDIRECTION"]);
    let told = said.explanation("INGRESS_RTB_TRAFFIC_REDIRECTION");
    assert_eq!(told.ingress_route_table.as_ref().unwrap().id.as_ref(), Some(&table));

    // Of a route and one of a prefix list with the same block the first goes before.
    let mut world = World::new();
    let gateway = world.internet();
    world.publish(0);
    let vpn = world.cloud.ok::<op::CreateVpnGateway>(input!(CreateVpnGatewayRequest { r#type: "ipsec.1" }));
    let vpn = vpn.vpn_gateway.unwrap().vpn_gateway_id.unwrap();
    let request =
        input!(AttachVpnGatewayRequest { vpn_gateway_id: vpn.as_str(), vpc_id: world.vpc.as_str() });
    world.cloud.ok::<op::AttachVpnGateway>(request);
    let mut request = input!(CreateManagedPrefixListRequest {
        prefix_list_name: "list",
        max_entries: 5,
        address_family: "IPv4",
    });
    request.entries =
        Some(vec![api::AddPrefixListEntry { cidr: "198.51.100.0/24".to_owned(), description: None }]);
    let list = world.cloud.ok::<op::CreateManagedPrefixList>(request).prefix_list.unwrap();
    let list = list.prefix_list_id.unwrap();
    world.cloud.settle();
    let mut request = input!(CreateRouteRequest { route_table_id: world.table.as_str() });
    request.destination_prefix_list_id = Some(list.clone());
    request.gateway_id = Some(vpn.clone());
    world.cloud.ok::<op::CreateRoute>(request);
    world.route("198.51.100.0/24", |route| route.gateway_id = Some(gateway.clone()));
    let mut request = World::request(&world.interfaces[0], &vpn);
    request.destination_ip = Some("198.51.100.7".to_owned());
    let said = world.analyze(request);
    assert!(said.codes().contains(&"HIGHER_PRIORITY_ROUTE"), "{:?}", said.codes());
    let told = said.explanation("HIGHER_PRIORITY_ROUTE").route_table_route.as_ref().unwrap();
    assert_eq!(told.destination_prefix_list_id.as_ref(), Some(&list));

    // An interface endpoint has an interface, and its service is not there.
    let mut request = input!(CreateVpcEndpointRequest {
        vpc_id: world.vpc.as_str(),
        service_name: "com.amazonaws.us-east-1.ssm",
        vpc_endpoint_type: "Interface",
    });
    request.subnet_ids = Some(vec![world.subnets[1].clone()]);
    request.private_dns_enabled = Some(false);
    let endpoint = world.cloud.ok::<op::CreateVpcEndpoint>(request).vpc_endpoint.unwrap();
    world.cloud.settle();
    let said = world.to(&endpoint.vpc_endpoint_id.unwrap());
    assert_eq!(said.codes(), ["BAD_STATE"]);
    let balancer =
        "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/net/nlb/0123456789abcdef";
    let request =
        input!(CreateVpcEndpointServiceConfigurationRequest { network_load_balancer_arns: [balancer] });
    let service = world.cloud.ok::<op::CreateVpcEndpointServiceConfiguration>(request);
    let service = service.service_configuration.unwrap().service_id.unwrap();
    world.cloud.settle();
    assert_eq!(world.to(&service).codes(), ["UNSUPPORTED_COMPONENT"]);
}

#[test]
fn filters_that_leave_nothing() {
    let mut world = World::new();
    let range = |from, to| Some(api::RequestFilterPortRange { from_port: Some(from), to_port: Some(to) });
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    request.destination_port = Some(22);
    request.filter_at_destination = Some(api::PathRequestFilter {
        destination_port_range: range(80, 90),
        ..api::PathRequestFilter::default()
    });
    let said = world.analyze(request);
    assert_eq!(said.codes(), ["NO_PATH", "FILTER_AT_DESTINATION_DESTINATION_PORT_RANGE"]);
    let mut request = World::request(&world.interfaces[0], &world.interfaces[1]);
    let from = |ports| {
        Some(api::PathRequestFilter { source_port_range: ports, ..api::PathRequestFilter::default() })
    };
    request.filter_at_source = from(range(1000, 2000));
    request.filter_at_destination = from(range(3000, 4000));
    let said = world.analyze(request.clone());
    let codes = said.codes();
    assert!(codes.contains(&"FILTER_AT_DESTINATION_SOURCE_PORT_RANGE"), "{codes:?}");
    request.filter_at_destination = from(range(1500, 4000));
    let said = world.analyze(request);
    let way = said.analysis.forward_path_components.as_ref().unwrap();
    let ports = &way[0].outbound_header.as_ref().unwrap().source_port_ranges.as_ref().unwrap()[0];
    assert_eq!((ports.from, ports.to), (Some(1500), Some(2000)));
}

/// The texts in quotation marks that are made as codes are.
fn codes_in(source: &str) -> std::collections::BTreeSet<&str> {
    let is_code = |text: &&str| {
        text.contains('_')
            && text
                .chars()
                .all(|character| character.is_ascii_uppercase() || "_0123456789".contains(character))
    };
    source.split('"').filter(is_code).filter(|text| *text != "AVAILABILITY_ZONE_CROSSED").collect()
}

#[test]
fn the_table_of_codes_says_what_is_produced_and_tested() {
    let table = include_str!("../../../../docs/explanation-codes.md");
    let rows = table.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        Some((cells.next()?, cells.next()?))
    });
    let (mut produced, mut all) = (std::collections::BTreeSet::new(), 0);
    for (code, is_produced) in rows.filter(|(code, _)| code.contains('_')) {
        all += 1;
        if is_produced == "yes" {
            produced.insert(code);
        }
    }
    assert_eq!(all, 71 + 5 + 13);
    let sources = [
        include_str!("ends.rs"),
        include_str!("explanations.rs"),
        include_str!("search.rs"),
        include_str!("wrong_ways.rs"),
    ];
    let in_sources: std::collections::BTreeSet<&str> =
        sources.iter().flat_map(|source| codes_in(source)).collect();
    assert_eq!(in_sources, produced);
    let tested = codes_in(include_str!("tests.rs"));
    let untested: Vec<_> = produced.difference(&tested).collect();
    assert!(untested.is_empty(), "{untested:?}");
}

/// The findings of a scope, each as the ids without what is after their prefix, with the destination ports of its first header.
fn findings(
    world: &mut World,
    request: api::CreateNetworkInsightsAccessScopeRequest,
) -> Vec<(Vec<String>, (i32, i32))> {
    let made = world.cloud.ok::<op::CreateNetworkInsightsAccessScope>(request).network_insights_access_scope;
    let scope = made.unwrap().network_insights_access_scope_id.unwrap();
    let request = input!(StartNetworkInsightsAccessScopeAnalysisRequest {
        network_insights_access_scope_id: scope.as_str()
    });
    let started = world.cloud.ok::<op::StartNetworkInsightsAccessScopeAnalysis>(request);
    let id = started.network_insights_access_scope_analysis.unwrap();
    let id = id.network_insights_access_scope_analysis_id.unwrap();
    carry_out(&world.cloud.store, &world.cloud.ec2, &[], world.cloud.now);
    let asked = input!(DescribeNetworkInsightsAccessScopeAnalysesRequest {
        network_insights_access_scope_analysis_ids: [id.as_str()],
    });
    let described = world.cloud.ok::<op::DescribeNetworkInsightsAccessScopeAnalyses>(asked);
    let described = described.network_insights_access_scope_analyses.unwrap().remove(0);
    assert_eq!(described.status.as_deref(), Some("succeeded"), "{:?}", described.status_message);
    let asked = input!(GetNetworkInsightsAccessScopeAnalysisFindingsRequest {
        network_insights_access_scope_analysis_id: id.as_str(),
    });
    let found = world.cloud.ok::<op::GetNetworkInsightsAccessScopeAnalysisFindings>(asked);
    let found = found.analysis_findings.unwrap_or_default();
    assert_eq!(described.findings_found.as_deref(), Some(if found.is_empty() { "false" } else { "true" }));
    let told = found.into_iter().map(|finding| {
        let components = finding.finding_components.unwrap();
        let header =
            components.iter().find_map(|told| told.outbound_header.as_ref().or(told.inbound_header.as_ref()));
        let ports = header.unwrap().destination_port_ranges.as_ref().unwrap()[0].clone();
        let ids = ids(Some(&components));
        (kinds(&ids).into_iter().map(str::to_owned).collect(), (ports.from.unwrap(), ports.to.unwrap()))
    });
    told.collect()
}

fn statement(types: &[&str], resources: &[&str]) -> api::PathStatementRequest {
    let all =
        |texts: &[&str]| (!texts.is_empty()).then(|| texts.iter().map(|text| (*text).to_owned()).collect());
    let resource_statement =
        Some(api::ResourceStatementRequest { resource_types: all(types), resources: all(resources) });
    api::PathStatementRequest { resource_statement, packet_header_statement: None }
}

fn condition(
    source: api::PathStatementRequest,
    destination: api::PathStatementRequest,
) -> api::AccessScopePathRequest {
    api::AccessScopePathRequest {
        source: Some(source),
        destination: Some(destination),
        through_resources: None,
    }
}

#[test]
fn who_comes_in_from_the_internet() {
    let mut world = World::new();
    world.internet();
    world.publish(0);
    let from_internet = || {
        let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
        let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
        request.match_paths =
            Some(vec![condition(gateways, statement(&["AWS::EC2::NetworkInterface"], &[]))]);
        request
    };
    assert_eq!(findings(&mut world, from_internet()), []);
    world.open(from_block(permission("tcp", Some(443)), "198.51.100.0/24"));
    world.open(from_block(permission("tcp", Some(22)), "203.0.113.0/24"));
    let way = || ["igw", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    let mut found = findings(&mut world, from_internet());
    found.sort();
    assert_eq!(found, [(way(), (22, 22)), (way(), (443, 443))]);
    // An exception for the one.
    let mut request = from_internet();
    let mut allowed = statement(&["AWS::EC2::InternetGateway"], &[]);
    allowed.packet_header_statement = Some(api::PacketHeaderStatementRequest {
        source_addresses: Some(vec!["198.51.100.0/24".to_owned()]),
        ..api::PacketHeaderStatementRequest::default()
    });
    request.exclude_paths = Some(vec![api::AccessScopePathRequest {
        source: Some(allowed),
        ..api::AccessScopePathRequest::default()
    }]);
    assert_eq!(findings(&mut world, request), [(way(), (22, 22))]);
    // Of the second interface there is nothing: it has no public address.
    let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
    let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
    let second = world.interfaces[1].clone();
    request.match_paths = Some(vec![condition(gateways, statement(&[], &[&second]))]);
    assert_eq!(findings(&mut world, request), []);
}

#[test]
fn who_reaches_whom_within() {
    let mut world = World::new();
    world.close();
    let group = world.group.clone();
    world.open(from_group(permission("tcp", Some(5432)), &group));
    let [first, second] = world.interfaces.clone();
    let between = |source: &str, destination: &str| {
        let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
        request.match_paths =
            Some(vec![condition(statement(&[], &[source]), statement(&[], &[destination]))]);
        request
    };
    let way = ["eni", "sg", "acl", "rtb", "acl", "sg", "eni"].map(str::to_owned).to_vec();
    let found = findings(&mut world, between(&first, &second));
    assert_eq!(found, [(way.clone(), (5432, 5432))]);
    // Both ways, by their VPC.
    let vpc = world.vpc.clone();
    let found = findings(&mut world, between(&vpc, &vpc));
    assert_eq!(found, [(way.clone(), (5432, 5432)), (way, (5432, 5432))]);
    // But for one port that is closed.
    let mut request = between(&first, &second);
    let mut only = statement(&[], &[&first]);
    only.packet_header_statement = Some(api::PacketHeaderStatementRequest {
        destination_ports: Some(vec!["80-90".to_owned()]),
        ..api::PacketHeaderStatementRequest::default()
    });
    request.match_paths.as_mut().unwrap()[0].source = Some(only);
    assert_eq!(findings(&mut world, request), []);
    // Out by a gateway: to all that a default route leads to.
    world.internet();
    world.publish(0);
    let mut request = input!(CreateNetworkInsightsAccessScopeRequest {});
    let gateways = statement(&["AWS::EC2::InternetGateway"], &[]);
    request.match_paths = Some(vec![condition(statement(&[], &[&first]), gateways)]);
    let found = findings(&mut world, request);
    assert!(!found.is_empty());
    assert!(found.iter().all(|(way, _)| *way == ["eni", "sg", "acl", "rtb", "igw"]), "{found:?}");
}
