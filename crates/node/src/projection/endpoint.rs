//! VPC endpoints that routes lead to, and the public addresses of the services behind them. Refuses to know the routes.

use aws_types::RouteTableId;
use ipnet::IpNet;
use store::Scope;
use svc_ec2::record as ec2;
use vpc_model::{ManagedService, ObjectId, ServiceAddresses, VpcEndpoint, VpcEndpointKind};

use super::View;
use super::stale::{Source, Stale, symmetric_difference};

impl Source for ec2::VpcEndpoint {
    fn object(&self, scope: &Scope) -> Option<(Scope, ObjectId)> {
        match self.kind {
            ec2::VpcEndpointKind::Gateway | ec2::VpcEndpointKind::GatewayLoadBalancer => {
                Some((scope.clone(), self.id.into()))
            }
            // Its interfaces are all there is of it.
            ec2::VpcEndpointKind::Interface => None,
        }
    }

    /// The tables that it puts a route into, or has.
    fn add_dependents(
        _: &View<'_>,
        scope: &Scope,
        before: Option<&Self>,
        after: Option<&Self>,
        stale: &mut Stale,
    ) {
        fn tables(record: Option<&ec2::VpcEndpoint>) -> &[RouteTableId] {
            record.filter(|record| !record.is_deleting()).map_or(&[], |record| &record.route_tables)
        }
        symmetric_difference(tables(before), tables(after)).for_each(|table| stale.add(scope, *table));
    }
}

pub(super) fn vpc_endpoint(view: &View<'_>, record: &ec2::VpcEndpoint) -> Option<VpcEndpoint> {
    view.changes_at(record.changes_after(view.now));
    let kind = match record.kind {
        ec2::VpcEndpointKind::Gateway => VpcEndpointKind::Gateway(service(&record.service)?),
        ec2::VpcEndpointKind::GatewayLoadBalancer => VpcEndpointKind::GatewayLoadBalancer,
        ec2::VpcEndpointKind::Interface => return None,
    };
    record.is_available(view.now).then_some(VpcEndpoint { id: record.id, vpc: record.vpc, kind })
}

/// The service whose gateway endpoints, and whose prefix list, have that name, such as `com.amazonaws.us-east-1.s3`.
fn service(name: &str) -> Option<ManagedService> {
    ManagedService::ALL.into_iter().find(|service| {
        let last = match service {
            ManagedService::S3 => "s3",
            ManagedService::DynamoDb => "dynamodb",
        };
        name.rsplit('.').next() == Some(last)
    })
}

/// The addresses of the services in all regions, which are the same for ever.
pub(crate) fn service_addresses() -> impl Iterator<Item = ServiceAddresses> {
    let lists = aws_catalog::regions().iter().flat_map(|region| aws_catalog::prefix_lists(&region.region()));
    lists.flat_map(|list| {
        let service = service(&list.name);
        let blocks = list.blocks.into_iter().map(IpNet::V4);
        blocks.filter_map(move |id| Some(ServiceAddresses { id, service: service? }))
    })
}
