//! What policies can ask of a resource that there is, beside its tags.
//!
//! Owns the condition keys of each kind of record. Refuses to know which actions have them: the table does.
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html#amazonec2-policy-keys>

use aws_model::Value;
use aws_types::{AccountId, Arn};
use service_api::ConditionKeys;

use super::vpn;
use crate::instance::profile;
use crate::record::{
    CustomerGateway, DhcpOptions, EgressOnlyInternetGateway, ElasticIp, FlowLog, Instance, InternetGateway,
    Ipv6Pool, KeyPair, KeyType, LaunchTemplate, NatGateway, NetworkAcl, NetworkInsightsAccessScope,
    NetworkInsightsAccessScopeAnalysis, NetworkInsightsAnalysis, NetworkInsightsPath, NetworkInterface,
    PeeredVpc, PlacementGroup, PrefixList, PublicIpv4Pool, RouteTable, SecurityGroup, Snapshot, Subnet,
    SubnetCidrReservation, TransitGateway, TransitGatewayAttachment, TransitGatewayConnectPeer,
    TransitGatewayRouteTable, Volume, Vpc, VpcBlockPublicAccessExclusion, VpcEndpoint, VpcEndpointConnection,
    VpcEndpointService, VpcPeeringConnection, VpnConnection, VpnGateway,
};
use crate::state::{Resource, State};

/// Where a record is, and whose.
pub(super) struct Place<'a, S> {
    pub(super) state: &'a S,
    pub(super) owner: AccountId,
}

impl<S: State> Place<'_, S> {
    /// The ARN of another resource of the same owner.
    fn arn(&self, resource: impl AsRef<str>) -> String {
        let scope = self.state.scope();
        Arn::new(scope.partition, "ec2", &scope.region, self.owner, resource.as_ref()).as_str().to_owned()
    }

    fn vpc(&self, id: impl std::fmt::Display) -> (String, Vec<String>) {
        key("ec2:Vpc", self.arn(format!("vpc/{id}")))
    }
}

/// What policies see of a kind of record.
pub(super) trait Asked: Resource {
    /// What its ARN ends with.
    fn arn_id(&self) -> String {
        self.id().to_string()
    }

    /// The keys that can be asked of it.
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys;
}

pub(super) fn key(name: &str, value: impl ToString) -> (String, Vec<String>) {
    (name.to_owned(), vec![value.to_string()])
}

/// Kinds of which nothing can be asked but their ids, if that.
macro_rules! ids_alone {
    ($($kind:ty $(= $key:literal)?;)*) => {
        $(impl Asked for $kind {
            fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
                vec![$(key($key, self.id))?]
            }
        })*
    };
}

ids_alone! {
    CustomerGateway;
    DhcpOptions = "ec2:DhcpOptionsID";
    EgressOnlyInternetGateway;
    FlowLog;
    InternetGateway = "ec2:InternetGatewayID";
    Ipv6Pool;
    LaunchTemplate;
    NetworkInsightsAccessScope;
    NetworkInsightsAccessScopeAnalysis;
    NetworkInsightsAnalysis;
    NetworkInsightsPath;
    PrefixList;
    PublicIpv4Pool;
    SubnetCidrReservation;
    TransitGateway = "ec2:transitGatewayId";
    TransitGatewayAttachment = "ec2:transitGatewayAttachmentId";
    TransitGatewayConnectPeer = "ec2:transitGatewayConnectPeerId";
    TransitGatewayRouteTable = "ec2:transitGatewayRouteTableId";
    VpcBlockPublicAccessExclusion;
    VpcEndpointConnection;
    VpnGateway;
}

/// Kinds that are in a VPC.
macro_rules! in_vpc {
    ($($kind:ty $(= $key:literal)?;)*) => {
        $(impl Asked for $kind {
            fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
                vec![$(key($key, self.id),)? place.vpc(self.vpc)]
            }
        })*
    };
}

in_vpc! {
    NatGateway;
    NetworkAcl = "ec2:NetworkAclID";
    RouteTable = "ec2:RouteTableID";
    SecurityGroup = "ec2:SecurityGroupID";
}

impl Asked for Vpc {
    fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
        vec![key("ec2:VpcID", self.id), key("ec2:Tenancy", self.tenancy.as_str())]
    }
}

impl Asked for Subnet {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        vec![
            key("ec2:SubnetID", self.id),
            key("ec2:AvailabilityZone", &self.zone),
            key("ec2:AvailabilityZoneId", &self.zone_id),
            place.vpc(self.vpc),
        ]
    }
}

impl Asked for NetworkInterface {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        vec![
            key("ec2:NetworkInterfaceID", self.id),
            key("ec2:AvailabilityZone", &self.zone),
            key("ec2:Subnet", place.arn(format!("subnet/{}", self.subnet))),
            place.vpc(self.vpc),
        ]
    }
}

impl Asked for Instance {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        let options = &self.metadata_options;
        let choice =
            |is_first: bool, first: &'static str, second: &'static str| if is_first { first } else { second };
        let mut keys = vec![
            key("ec2:InstanceID", self.id),
            key("ec2:InstanceType", &self.instance_type),
            key("ec2:AvailabilityZone", &self.zone),
            key("ec2:AvailabilityZoneId", &self.zone_id),
            key("ec2:EbsOptimized", self.ebs_optimized),
            key("ec2:InstanceMarketType", "on-demand"),
            key("ec2:InstanceAutoRecovery", choice(self.auto_recovery_disabled, "disabled", "default")),
            key("ec2:MetadataHttpEndpoint", choice(options.http_endpoint_enabled, "enabled", "disabled")),
            key("ec2:MetadataHttpTokens", choice(options.http_tokens_required, "required", "optional")),
            key("ec2:MetadataHttpPutResponseHopLimit", options.http_put_response_hop_limit),
            key("ec2:RootDeviceType", "ebs"),
        ];
        let of_vpc = || place.state.find::<Vpc>(self.vpc).map(|vpc| vpc.tenancy);
        keys.extend(self.placement.tenancy.or_else(of_vpc).map(|held| key("ec2:Tenancy", held.as_str())));
        let association = profile::held(place.state, self.id);
        keys.extend(association.map(|held| key("ec2:InstanceProfile", &held.profile_arn)));
        let group = self.placement.group.and_then(|id| place.state.find::<PlacementGroup>(id));
        let arn = |group: &PlacementGroup| place.arn(format!("placement-group/{}", group.name));
        keys.extend(group.map(|group| key("ec2:PlacementGroup", arn(&group))));
        keys
    }
}

impl Asked for KeyPair {
    fn arn_id(&self) -> String {
        self.name.clone()
    }

    fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
        let key_type = match self.key_type {
            KeyType::Rsa => "rsa",
            KeyType::Ed25519 => "ed25519",
        };
        vec![key("ec2:KeyPairName", &self.name), key("ec2:KeyPairType", key_type)]
    }
}

impl Asked for PlacementGroup {
    fn arn_id(&self) -> String {
        self.name.clone()
    }

    fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
        vec![
            key("ec2:PlacementGroupName", &self.name),
            key("ec2:PlacementGroupStrategy", self.strategy.as_str()),
        ]
    }
}

impl Asked for ElasticIp {
    fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
        vec![
            key("ec2:AllocationId", self.id),
            key("ec2:Domain", "vpc"),
            key("ec2:PublicIpAddress", self.address),
        ]
    }
}

impl Asked for Volume {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        let specification = self.specification(place.state.now());
        let mut keys = vec![
            key("ec2:VolumeID", self.id),
            key("ec2:AvailabilityZone", &self.zone),
            key("ec2:AvailabilityZoneId", &self.zone_id),
            key("ec2:Encrypted", specification.is_encrypted),
            key("ec2:VolumeSize", specification.size_gib),
            key("ec2:VolumeType", specification.volume_type.as_str()),
        ];
        keys.extend(specification.iops.map(|iops| key("ec2:VolumeIops", iops)));
        keys.extend(specification.throughput_mibps.map(|held| key("ec2:VolumeThroughput", held)));
        keys.extend(
            specification.snapshot.map(|id| key("ec2:ParentSnapshot", snapshot_arn(place.state, id))),
        );
        keys
    }
}

/// Snapshots have no account in their ARNs.
pub(super) fn snapshot_arn(state: &impl State, id: impl std::fmt::Display) -> String {
    format!("arn:{}:ec2:{}::snapshot/{id}", state.scope().partition, state.region())
}

impl Asked for Snapshot {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        let mut keys = vec![
            key("ec2:SnapshotID", self.id),
            key("ec2:Owner", place.owner),
            key("ec2:Encrypted", self.is_encrypted),
            key("ec2:VolumeSize", self.size_gib),
            key("ec2:SnapshotTime", self.started_at),
        ];
        keys.extend(self.volume.map(|id| key("ec2:ParentVolume", place.arn(format!("volume/{id}")))));
        keys
    }
}

impl Asked for VpcPeeringConnection {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        let arn = |side: &PeeredVpc| {
            let resource = format!("vpc/{}", side.vpc);
            Arn::new(place.state.scope().partition, "ec2", &side.region, side.account, &resource).to_string()
        };
        vec![
            key("ec2:VpcPeeringConnectionID", self.id),
            key("ec2:RequesterVpc", arn(&self.requester)),
            key("ec2:AccepterVpc", arn(&self.accepter)),
        ]
    }
}

impl Asked for VpcEndpoint {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        vec![key("ec2:VpceServiceName", &self.service), key("ec2:VpceServiceRegion", place.state.region())]
    }
}

impl Asked for VpcEndpointService {
    fn keys<S: State>(&self, place: &Place<'_, S>) -> ConditionKeys {
        let mut keys = vec![key("ec2:VpceServiceRegion", place.state.region())];
        let name = self.private_dns_name.as_ref().map(|held| &held.name);
        keys.extend(name.map(|name| key("ec2:VpceServicePrivateDnsName", name)));
        keys
    }
}

impl Asked for VpnConnection {
    fn keys<S: State>(&self, _: &Place<'_, S>) -> ConditionKeys {
        let gateway = if self.vpn_gateway().is_some() { "VGW" } else { "TGW" };
        let routing = if self.static_routes_only { "static" } else { "dynamic" };
        let mut keys = vec![
            key("ec2:AuthenticationType", "Pre-shared keys"),
            key("ec2:GatewayType", gateway),
            key("ec2:RoutingType", routing),
        ];
        let tunnels: Vec<Value> = self.tunnels.iter().map(|tunnel| tunnel.shown().into()).collect();
        keys.extend(vpn::of_tunnels(&tunnels));
        keys
    }
}
