//! Amazon EC2: VPC networking and instances, as intent.
//!
//! Owns the records of EC2's resources ([`record`]), every operation on them, and the functions by which reconcilers
//! write back what they observed ([`Ec2::instance_started`] and its kin). Refuses to know wire formats, the host, and
//! how a packet is forwarded: handlers read a snapshot or commit one transaction.
//!
//! Each file is named after the AWS resource whose record and operations it holds. An operation that fails changes
//! nothing, and `DryRun` is that same operation with its transaction thrown away.

mod account_attribute;
mod arn;
mod asn;
mod authorization;
mod block_public_access;
mod byoip;
mod cidr;
mod counter;
mod customer_gateway;
mod default_vpc;
mod dependency;
mod dhcp_options;
mod due;
mod egress_only_internet_gateway;
mod elastic_ip;
mod erasure;
mod error;
mod filter;
mod flow_log;
mod idempotency;
mod image;
mod instance;
mod instance_type;
mod internet_gateway;
mod key_pair;
mod launch_template;
mod nat_gateway;
mod network_acl;
mod network_insights_access_scope;
mod network_insights_access_scope_analysis;
mod network_insights_analysis;
mod network_insights_path;
mod network_interface;
mod pace;
mod page;
mod placement_group;
mod prefix_list;
mod progress;
pub mod quota;
mod route_table;
mod security_group;
mod sharing;
mod snapshot;
mod state;
mod subnet;
mod tag;
mod transit_gateway;
mod volume;
mod vpc;
mod vpc_endpoint;
mod vpc_endpoint_service;
mod vpc_peering_connection;
mod vpn_connection;
mod vpn_gateway;
mod zone;

use std::sync::LazyLock;

use aws_model::Value;
use aws_types::{InstanceId, Timestamp};
use service_api::{
    ConditionKeys, IdSource, NeededPermission, Operations, PassedRoles, RequestContext, ResourceFacts,
    Service, ServiceError,
};
use store::{RecordKind, Scope, Store, StoreError};

use crate::state::{Edit, View};

pub use elastic_ip::public_pool::{
    PublicPoolError, block as public_block, blocks as public_blocks, set_blocks as set_public_blocks,
};
pub use erasure::Erasure;
pub use filter::Pattern;
pub use flow_log::{BucketRefusal, FlowLogBuckets};
pub use network_insights_access_scope_analysis::{
    AccessScopeAnalysisOutcome, AccessScopeAnswer, RunningAccessScopeAnalysis,
    running_network_insights_access_scope_analyses,
};
pub use network_insights_analysis::{
    AnalysisOutcome, PathAnswer, RunningAnalysis, running_network_insights_analyses,
};
pub use tag::{Taggable, resource_type_of, taggable};

/// The records, as reconcilers read them from snapshots and tails. A record's id in the store is its `id` as text.
pub mod record {
    pub use crate::block_public_access::exclusion::{Excluded, ExclusionMode, VpcBlockPublicAccessExclusion};
    pub use crate::block_public_access::{BlockMode, BlockPublicAccessOptions, internet_gateway_block_mode};
    pub use crate::byoip::pool::{Ipv6Pool, PublicIpv4Pool};
    pub use crate::byoip::{ByoipPhase, Provisioning};
    pub use crate::cidr::{
        CidrAssociation, Ipv6Source, SubnetIpv6CidrAssociation, VpcCidrAssociation, VpcIpv6CidrAssociation,
    };
    pub use crate::customer_gateway::CustomerGateway;
    pub use crate::dhcp_options::DhcpOptions;
    pub use crate::egress_only_internet_gateway::EgressOnlyInternetGateway;
    pub use crate::elastic_ip::{AddressAssociation, ElasticIp, public_addresses};
    pub use crate::flow_log::{
        DeliveryFailure, FlowLog, FlowLogDestination, FlowLogDestinationOptions, FlowLogResource, TrafficType,
    };
    pub use crate::instance::lifecycle::{DesiredState, Event, InstanceState, StateReason, WrongState};
    pub use crate::instance::profile::IamInstanceProfileAssociation;
    pub use crate::instance::{
        Instance, InstancePlacement, MetadataOptions, PrivateDnsNameOptions, ShutdownBehavior,
    };
    pub use crate::internet_gateway::InternetGateway;
    pub use crate::key_pair::{KeyPair, KeyType};
    pub use crate::launch_template::{LaunchTemplate, LaunchTemplateData, LaunchTemplateVersion};
    pub use crate::nat_gateway::{
        AddressChange, Connectivity, NatGateway, NatGatewayAddress, NatGatewayDeletion, NatGatewayElasticIp,
        NatGatewayFailure, NatGatewayState,
    };
    pub use crate::network_acl::{Action, NetworkAcl, NetworkAclAssociation, NetworkAclEntry};
    pub use crate::network_insights_access_scope::{
        AccessScopeAddress, AccessScopePath, AccessScopeResource, AccessScopeResourceType, AddressStatement,
        NamedPrefixList, NamedResource, NetworkInsightsAccessScope, PacketHeaderStatement, PathStatement,
        ResourceStatement,
    };
    pub use crate::network_insights_access_scope_analysis::{
        AccessScopeCounts, NetworkInsightsAccessScopeAnalysis,
    };
    pub use crate::network_insights_analysis::{Analysis, NetworkInsightsAnalysis};
    pub use crate::network_insights_path::{
        NetworkInsightsPath, PathDestination, PathEnd, PathFilter, PathProtocol, PathResource, PathTraffic,
    };
    pub use crate::network_interface::{
        AssignedAddress, Attachment, ConnectionTracking, InterfacePermission, ManagedKind, NetworkInterface,
        NetworkInterfacePermission,
    };
    pub use crate::placement_group::{PlacementGroup, PlacementStrategy};
    pub use crate::prefix_list::{
        AddressFamily, PrefixList, PrefixListChange, PrefixListEntry, prefix_list_blocks,
    };
    pub use crate::progress::{Change, Progress};
    pub use crate::route_table::{
        AssociationTarget, Destination, Route, RouteTable, RouteTableAssociation, RouteTarget,
    };
    pub use crate::security_group::{
        IpProtocol, Peer, PeeredGroup, SecurityGroup, SecurityGroupRule, SecurityGroupVpcAssociation,
    };
    pub use crate::snapshot::{CreateVolumePermissions, Snapshot};
    pub use crate::subnet::{HostnameType, ReservationType, Subnet, SubnetCidrReservation};
    pub use crate::transit_gateway::attachment::{
        AttachedSubnet, AttachmentTarget, PeeringSide, TransitGatewayAssociation, TransitGatewayAttachment,
        VpcAttachmentOptions,
    };
    pub use crate::transit_gateway::connect_peer::TransitGatewayConnectPeer;
    pub use crate::transit_gateway::route_table::{
        PrefixListReference, TransitGatewayRoute, TransitGatewayRouteTable,
    };
    pub use crate::transit_gateway::{TransitGateway, TransitGatewayOptions};
    pub use crate::volume::{
        Volume, VolumeAttachment, VolumeModification, VolumeSpecification, VolumeState, VolumeType,
    };
    pub use crate::vpc::{Tenancy, Vpc};
    pub use crate::vpc_endpoint::{
        EndpointAddressType, EndpointPhase, EndpointSubnet, VpcEndpoint, VpcEndpointKind,
        gateway_endpoint_routes,
    };
    pub use crate::vpc_endpoint_service::notification::NotificationSource;
    pub use crate::vpc_endpoint_service::{
        ConnectionNotification, PrivateDnsName, ServicePermission, VpcEndpointConnection, VpcEndpointService,
    };
    pub use crate::vpc_peering_connection::{PeeredVpc, PeeringDecision, PeeringState, VpcPeeringConnection};
    pub use crate::vpn_connection::route::{vpn_gateway_blocks, vpn_gateway_blocks_change_after};
    pub use crate::vpn_connection::{
        TargetGateway, VpnConnection, VpnConnectionRoute, VpnTunnel, VpnTunnelSettings,
    };
    pub use crate::vpn_gateway::{VpnGateway, VpnGatewayAttachment};
}

/// What only the host knows about an instance.
pub trait HostView: Send + Sync + 'static {
    /// What the instance has written to its console, the newest 64 KiB; `None` when there is nothing (yet).
    fn console_output(&self, instance: InstanceId) -> Option<Vec<u8>>;
}

/// How EC2 behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Whether AWS's default quotas hold.
    pub enforce_quotas: bool,
    /// Whether the node adds and removes interfaces of running instances. Where it does not, requests for that are
    /// refused.
    pub hot_plug: bool,
    /// Whether states move at the pace they have on AWS, rather than at once.
    pub realistic_timing: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { enforce_quotas: true, hot_plug: false, realistic_timing: false }
    }
}

/// The service.
pub struct Ec2 {
    store: Store,
    ids: Box<dyn IdSource>,
    host: Box<dyn HostView>,
    roles: Option<Box<dyn PassedRoles>>,
    log_buckets: Option<Box<dyn FlowLogBuckets>>,
    config: Config,
}

static OPERATIONS: LazyLock<Operations<Ec2>> = LazyLock::new(|| {
    [
        account_attribute::operations,
        customer_gateway::operations,
        block_public_access::operations,
        byoip::operations,
        default_vpc::operations,
        dhcp_options::operations,
        egress_only_internet_gateway::operations,
        elastic_ip::operations,
        flow_log::operations,
        image::operations,
        instance::operations,
        instance_type::operations,
        internet_gateway::operations,
        key_pair::operations,
        nat_gateway::operations,
        launch_template::operations,
        network_acl::operations,
        network_insights_access_scope::operations,
        network_insights_access_scope_analysis::operations,
        network_insights_analysis::operations,
        network_insights_path::operations,
        network_interface::operations,
        placement_group::operations,
        prefix_list::operations,
        route_table::operations,
        security_group::operations,
        snapshot::operations,
        subnet::operations,
        tag::operations,
        transit_gateway::operations,
        volume::operations,
        vpc::operations,
        vpc_peering_connection::operations,
        vpn_connection::operations,
        vpn_gateway::operations,
        vpc_endpoint::operations,
        vpc_endpoint_service::operations,
        zone::operations,
    ]
    .into_iter()
    .fold(Operations::new(), |table, add| add(table))
});

impl Ec2 {
    /// EC2 on a store.
    pub fn new(store: Store, ids: impl IdSource, host: impl HostView, config: Config) -> Self {
        Self { store, ids: Box::new(ids), host: Box::new(host), roles: None, log_buckets: None, config }
    }

    /// The same, knowing the roles of instance profiles: without, nobody has to be allowed to pass one.
    #[must_use]
    pub fn with_passed_roles(self, roles: impl PassedRoles) -> Self {
        Self { roles: Some(Box::new(roles)), ..self }
    }

    /// The same, knowing the buckets that flow logs go to: without, whether one takes them is not looked for.
    #[must_use]
    pub fn with_log_buckets(self, buckets: impl FlowLogBuckets) -> Self {
        Self { log_buckets: Some(Box::new(buckets)), ..self }
    }

    /// The names of all operations that are built, sorted.
    pub fn operation_names() -> impl Iterator<Item = &'static str> {
        OPERATIONS.names()
    }

    /// Every kind of record that EC2 writes.
    pub fn record_kinds() -> impl Iterator<Item = RecordKind> {
        [
            tag::RECORDS,
            block_public_access::RECORDS,
            byoip::RECORDS,
            counter::RECORDS,
            default_vpc::RECORDS,
            due::RECORDS,
            elastic_ip::pool::RECORDS,
            elastic_ip::public_pool::RECORDS,
            elastic_ip::transfer::RECORDS,
            idempotency::RECORDS,
            instance::profile::RECORDS,
            network_acl::association::RECORDS,
            network_insights_access_scope_analysis::RECORDS,
            network_interface::permission::RECORDS,
            prefix_list::RECORDS,
            security_group::vpc_association::RECORDS,
            snapshot::permission::RECORDS,
            subnet::address::RECORDS,
            vpc_endpoint_service::RECORDS,
        ]
        .into_iter()
        .flatten()
        .copied()
    }

    /// Reads every record of EC2's, so that one that this build cannot read is found at start-up.
    ///
    /// # Errors
    /// The first record that does not decode.
    pub fn check_records(store: &Store) -> Result<(), StoreError> {
        Self::record_kinds().try_for_each(|kind| kind.check(store))
    }

    /// Brings the records that older builds wrote into today's form, where reading one alone does not.
    ///
    /// # Errors
    /// A failed commit.
    pub fn upgrade_records(store: &Store) -> Result<(), StoreError> {
        network_acl::association::upgrade_records(store)
    }

    /// The account's part of the region as of now.
    fn view(&self, context: &RequestContext) -> View {
        View::new(self.store.snapshot(), context)
    }

    /// Carries out a change, or with `DryRun` only finds out whether it would succeed.
    fn edit<T>(
        &self,
        context: &RequestContext,
        dry_run: Option<bool>,
        change: impl FnOnce(&mut Edit<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.transact(&context.scope(), context.now, |edit| {
            let answer = change(edit)?;
            if dry_run == Some(true) { Err(error::dry_run()) } else { Ok(answer) }
        })
    }

    fn transact<T>(
        &self,
        scope: &Scope,
        now: Timestamp,
        change: impl FnOnce(&mut Edit<'_>) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.store.transact(|transaction| {
            let mut edit = Edit::new(transaction, &*self.ids, &self.config, scope.clone(), now);
            let answer = change(&mut edit)?;
            due::remove_ended(&mut edit);
            Ok(answer)
        })
    }

    /// The answer of an operation that changes nothing, or with `DryRun` that it would be one.
    fn answer<T>(&self, dry_run: Option<bool>, answer: T) -> Result<T, ServiceError> {
        if dry_run == Some(true) { Err(error::dry_run()) } else { Ok(answer) }
    }
}

impl Service for Ec2 {
    fn model(&self) -> &'static str {
        "ec2"
    }

    fn implements(&self, operation: &str) -> bool {
        OPERATIONS.contains(operation)
    }

    fn call(&self, context: &RequestContext, operation: &str, input: Value) -> Result<Value, ServiceError> {
        self.ensure_region(&context.scope(), context.now)?;
        self.settle(&context.scope(), context.now)?;
        OPERATIONS.call(self, context, operation, input).map_err(|error| sharing::named_in(error, operation))
    }

    fn needed_permissions(
        &self,
        context: &RequestContext,
        operation: &str,
        input: &Value,
    ) -> Option<Vec<NeededPermission>> {
        authorization::needed(self, context, operation, input)
    }

    fn resource(&self, context: &RequestContext, resource_type: &str, id: &str) -> Option<ResourceFacts> {
        authorization::facts(&self.view(context), resource_type, id)
    }

    fn implied(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        input: &Value,
    ) -> Option<Vec<String>> {
        authorization::implied(&self.view(context), operation, resource_type, input)
    }

    fn said_of(
        &self,
        context: &RequestContext,
        operation: &str,
        resource_type: &str,
        is_new: bool,
        input: &Value,
    ) -> ConditionKeys {
        if resource_type.is_empty() {
            return Vec::new();
        }
        authorization::said_of(&self.view(context), operation, resource_type, is_new, input)
    }
}
