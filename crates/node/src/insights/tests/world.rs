//! Networks that requests have made, and analyses of paths in them.

use aws_api::ec2::{self as api, operation as op};

use crate::insights::carry_out;
use crate::projection::tests::cloud::{Cloud, input};

/// A VPC with two subnets in two zones, and an interface in each, with the VPC's own group.
pub(super) struct World {
    pub(super) cloud: Cloud,
    pub(super) vpc: String,
    pub(super) subnets: [String; 2],
    /// Of all subnets.
    pub(super) table: String,
    pub(super) acl: String,
    pub(super) group: String,
    pub(super) interfaces: [String; 2],
}

/// What an analysis says.
pub(super) struct Said {
    pub(super) found: bool,
    pub(super) analysis: api::NetworkInsightsAnalysis,
}

impl Said {
    pub(super) fn codes(&self) -> Vec<&str> {
        let all = self.analysis.explanations.iter().flatten();
        all.map(|told| told.explanation_code.as_deref().unwrap()).collect()
    }

    pub(super) fn explanation(&self, code: &str) -> &api::Explanation {
        let mut all = self.analysis.explanations.iter().flatten();
        let found = all.find(|told| told.explanation_code.as_deref() == Some(code));
        found.unwrap_or_else(|| panic!("{code} is not among {:?}", self.codes()))
    }

    pub(super) fn way(&self) -> Vec<String> {
        ids(self.analysis.forward_path_components.as_ref())
    }

    pub(super) fn way_back(&self) -> Vec<String> {
        ids(self.analysis.return_path_components.as_ref())
    }
}

pub(super) fn ids(components: Option<&Vec<api::PathComponent>>) -> Vec<String> {
    let all = components.into_iter().flatten();
    all.map(|told| told.component.as_ref().unwrap().id.clone().unwrap()).collect()
}

/// The ids without what is after their prefix.
pub(super) fn kinds(ids: &[String]) -> Vec<&str> {
    ids.iter().map(|id| id.rsplit_once('-').unwrap().0).collect()
}

pub(super) fn permission(protocol: &str, port: Option<i32>) -> api::IpPermission {
    api::IpPermission {
        ip_protocol: Some(protocol.to_owned()),
        from_port: port,
        to_port: port,
        ..api::IpPermission::default()
    }
}

pub(super) fn from_block(mut permission: api::IpPermission, block: &str) -> api::IpPermission {
    let range = api::IpRange { cidr_ip: Some(block.to_owned()), ..api::IpRange::default() };
    permission.ip_ranges = Some(vec![range]);
    permission
}

pub(super) fn from_group(mut permission: api::IpPermission, group: &str) -> api::IpPermission {
    let pair = api::UserIdGroupPair { group_id: Some(group.to_owned()), ..api::UserIdGroupPair::default() };
    permission.user_id_group_pairs = Some(vec![pair]);
    permission
}

impl World {
    pub(super) fn new() -> Self {
        Self::in_block(Cloud::new(), "10.0")
    }

    pub(super) fn in_block(mut cloud: Cloud, block: &str) -> Self {
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
    pub(super) fn request(source: &str, destination: &str) -> api::CreateNetworkInsightsPathRequest {
        let mut request = input!(CreateNetworkInsightsPathRequest { source: source, protocol: "tcp" });
        request.destination = (!destination.is_empty()).then(|| destination.to_owned());
        request
    }

    pub(super) fn analyze(&mut self, request: api::CreateNetworkInsightsPathRequest) -> Said {
        self.analyze_with(request, input!(StartNetworkInsightsAnalysisRequest {}))
    }

    pub(super) fn analyze_with(
        &mut self,
        request: api::CreateNetworkInsightsPathRequest,
        mut analysis: api::StartNetworkInsightsAnalysisRequest,
    ) -> Said {
        let path = self.cloud.ok::<op::CreateNetworkInsightsPath>(request).network_insights_path.unwrap();
        analysis.network_insights_path_id = path.network_insights_path_id.unwrap();
        self.analyze_path(analysis)
    }

    pub(super) fn analyze_path(&mut self, request: api::StartNetworkInsightsAnalysisRequest) -> Said {
        let started = self.cloud.ok::<op::StartNetworkInsightsAnalysis>(request);
        let started = started.network_insights_analysis.unwrap();
        assert_eq!(started.status.as_deref(), Some("running"));
        let revision = self.cloud.store.snapshot().revision().0;
        carry_out(&self.cloud.store, &self.cloud.ec2, (&[], 0), self.cloud.now);
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
    pub(super) fn between(&mut self) -> Said {
        let [source, destination] = self.interfaces.clone();
        let mut request = Self::request(&source, &destination);
        request.destination_port = Some(22);
        self.analyze(request)
    }

    /// From the first interface to something.
    pub(super) fn to(&mut self, destination: &str) -> Said {
        let source = self.interfaces[0].clone();
        self.analyze(Self::request(&source, destination))
    }

    pub(super) fn route(&mut self, block: &str, set: impl FnOnce(&mut api::CreateRouteRequest)) {
        let table = self.table.clone();
        self.route_in(&table, block, set);
    }

    pub(super) fn route_in(
        &mut self,
        table: &str,
        block: &str,
        set: impl FnOnce(&mut api::CreateRouteRequest),
    ) {
        let mut request = input!(CreateRouteRequest { route_table_id: table, destination_cidr_block: block });
        set(&mut request);
        self.cloud.ok::<op::CreateRoute>(request);
    }

    /// Gives the group no rules for what comes in.
    pub(super) fn close(&mut self) {
        let rule = from_group(permission("-1", None), &self.group);
        let mut request = input!(RevokeSecurityGroupIngressRequest { group_id: self.group.as_str() });
        request.ip_permissions = Some(vec![rule]);
        self.cloud.ok::<op::RevokeSecurityGroupIngress>(request);
    }

    /// Lets traffic come in to the group.
    pub(super) fn open(&mut self, rule: api::IpPermission) {
        let mut request = input!(AuthorizeSecurityGroupIngressRequest { group_id: self.group.as_str() });
        request.ip_permissions = Some(vec![rule]);
        self.cloud.ok::<op::AuthorizeSecurityGroupIngress>(request);
    }

    pub(super) fn deny(&mut self, egress: bool, from: i32, to: i32) {
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
    pub(super) fn internet(&mut self) -> String {
        let vpc = self.vpc.clone();
        let gateway = self.cloud.internet_gateway(&vpc);
        self.route("0.0.0.0/0", |route| route.gateway_id = Some(gateway.clone()));
        gateway
    }

    /// Gives an interface a public address.
    pub(super) fn publish(&mut self, number: usize) -> String {
        let (allocation, address) = self.cloud.elastic_ip();
        let request = input!(AssociateAddressRequest {
            allocation_id: allocation.as_str(),
            network_interface_id: self.interfaces[number].as_str(),
        });
        self.cloud.ok::<op::AssociateAddress>(request);
        address
    }
}

/// Two VPCs of one cloud.
pub(super) fn two_vpcs() -> (World, World2) {
    let mut one = World::new();
    let vpc = one.cloud.vpc("10.1.0.0/16");
    let subnet = one.cloud.subnet_in(&vpc, "10.1.0.0/24", "a");
    let interface = one.cloud.interface(&subnet);
    one.open(from_block(permission("-1", None), "10.0.0.0/8"));
    (one, World2 { vpc, subnet, interface })
}

pub(super) struct World2 {
    pub(super) vpc: String,
    pub(super) subnet: String,
    pub(super) interface: String,
}

/// Lets anybody into the group of an interface, and gives its table.
pub(super) fn open_other(world: &mut World, other: &World2) -> String {
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

/// What a transit gateway is made with, and its default table.
pub(super) fn transit_gateway(world: &mut World) -> (String, String) {
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

pub(super) fn attach(world: &mut World, gateway: &str, vpc: &str, subnet: &str) -> String {
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
