//! Paths of Reachability Analyzer: CreateNetworkInsightsPath, DeleteNetworkInsightsPath, DescribeNetworkInsightsPaths.
//!
//! Owns the record, and what a path can be. Refuses to know whether packets get along it: that is found by an analysis
//! ([`crate::network_insights_analysis`]).
//! <https://docs.aws.amazon.com/vpc/latest/reachability/what-is-reachability-analyzer.html>

mod end;
pub(crate) mod filter;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{NetworkInsightsPathId, Tags, Timestamp};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, text};
use crate::idempotency::Attempt;
use crate::network_insights_analysis::NetworkInsightsAnalysis;
use crate::page::Page;
use crate::state::{Naming, State, resource};
use crate::{Ec2, error, quota, tag};

use end::End;
pub use end::{PathDestination, PathEnd, PathResource};
pub use filter::{PathFilter, PathProtocol, PathTraffic};

/// The smallest and largest `MaxResults` of the operations that describe what Network Insights has.
pub(crate) const LIMITS: (i32, i32) = (1, 100);

/// A path to be analysed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkInsightsPath {
    /// Its id.
    pub id: NetworkInsightsPathId,
    /// Where it begins.
    pub source: PathEnd,
    /// The resource that it leads to. Without one it leads to an address ([`NetworkInsightsPath::leads_to`]).
    pub destination: Option<PathEnd>,
    /// Which packets it is about.
    pub traffic: PathTraffic,
    /// When it was made.
    pub created_at: Timestamp,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    NetworkInsightsPath,
    NetworkInsightsPathId,
    "ec2.network-insights-path",
    Naming {
        resource_type: "network-insights-path",
        noun: "networkInsightsPath",
        not_found: "InvalidNetworkInsightsPathId.NotFound",
        malformed: "InvalidNetworkInsightsPathId.Malformed",
    }
);

impl NetworkInsightsPath {
    /// Where it leads: to a resource, or else to the address that its packets have as they leave the source.
    pub fn leads_to(&self) -> Option<PathDestination> {
        let address = self.traffic.destination_address().map(PathDestination::Address);
        self.destination.map(PathDestination::Resource).or(address)
    }
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreateNetworkInsightsPath>(create)
        .with::<op::DeleteNetworkInsightsPath>(delete)
        .with::<op::DescribeNetworkInsightsPaths>(describe)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    mut input: api::CreateNetworkInsightsPathRequest,
) -> Result<api::CreateNetworkInsightsPathResult, ServiceError> {
    let tags = tag::specified(input.tag_specifications.as_ref(), "network-insights-path")?;
    let dry_run = input.dry_run.take();
    let attempt = Attempt::new("CreateNetworkInsightsPath", input.client_token.as_ref(), &input)?;
    let traffic = PathTraffic::read(&input)?;
    if input.destination.is_none() && traffic.destination_address().is_none() {
        return Err(error::missing_either("destination", "destinationIp"));
    }
    ec2.edit(context, dry_run, |edit| {
        let made = match &attempt {
            Some(attempt) => attempt.made::<NetworkInsightsPath>(edit)?,
            None => None,
        };
        if let Some(made) = made {
            let network_insights_path = Some(shown(edit, &made));
            return Ok(api::CreateNetworkInsightsPathResult { network_insights_path });
        }
        let source = End::Source.find(edit, &input.source)?;
        let destination = input.destination.as_ref().map(|text| End::Destination.find(edit, text));
        quota::NETWORK_INSIGHTS_PATHS_PER_REGION.check(edit, edit.count::<NetworkInsightsPath>() + 1)?;
        let path = NetworkInsightsPath {
            id: edit.new_id(),
            source,
            destination: destination.transpose()?,
            traffic,
            created_at: edit.now(),
            tags,
        };
        edit.put(path.clone());
        if let Some(attempt) = &attempt {
            attempt.remember(edit, vec![path.id.to_string()]);
        }
        Ok(api::CreateNetworkInsightsPathResult { network_insights_path: Some(shown(edit, &path)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeleteNetworkInsightsPathRequest,
) -> Result<api::DeleteNetworkInsightsPathResult, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let path = edit.named::<NetworkInsightsPath>(&input.network_insights_path_id)?.id;
        if let Some(analysis) = edit.parts::<NetworkInsightsAnalysis, _>(path).next() {
            let message =
                format!("The path '{path}' has analyses, such as '{}', and cannot be deleted.", analysis.id);
            return Err(ServiceError::new("AnalysisExistsForNetworkInsightsPath", message));
        }
        edit.remove::<NetworkInsightsPath>(path);
        Ok(api::DeleteNetworkInsightsPathResult { network_insights_path_id: Some(path.to_string()) })
    })
}

fn shown(state: &impl State, path: &NetworkInsightsPath) -> api::NetworkInsightsPath {
    let id = path.id.to_string();
    path.traffic.show(api::NetworkInsightsPath {
        network_insights_path_arn: Some(state.arn(&format!("network-insights-path/{id}"))),
        network_insights_path_id: Some(id),
        created_date: Some(path.created_at),
        source: Some(path.source.resource.to_string()),
        source_arn: Some(path.source.arn(state)),
        destination: path.destination.map(|end| end.resource.to_string()),
        destination_arn: path.destination.map(|end| end.arn(state)),
        tags: Some(tag::shown_always(&path.tags)),
        ..Default::default()
    })
}

/// The values that a filter finds of what packets look like at one end.
macro_rules! of_filter {
    ($filter:ident, $member:ident, $values:expr) => {
        |path| path.$filter.as_ref().map_or_else(Vec::new, |filter| $values(&filter.$member))
    };
}

/// A range of ports, as `from-to`; one of a single port by that port too.
fn ports(range: &Option<api::FilterPortRange>) -> Vec<String> {
    let bounds = range.as_ref().and_then(|range| range.from_port.zip(range.to_port));
    let Some((from, to)) = bounds else { return Vec::new() };
    let range = format!("{from}-{to}");
    if from == to { vec![range, from.to_string()] } else { vec![range] }
}

static FILTERS: Filters<api::NetworkInsightsPath> = Filters {
    tags: Some(|path| path.tags.as_deref().unwrap_or_default()),
    named: &[
        ("destination", |path| text(&path.destination)),
        (
            "filter-at-destination.destination-address",
            of_filter!(filter_at_destination, destination_address, text),
        ),
        (
            "filter-at-destination.destination-port-range",
            of_filter!(filter_at_destination, destination_port_range, ports),
        ),
        ("filter-at-destination.source-address", of_filter!(filter_at_destination, source_address, text)),
        (
            "filter-at-destination.source-port-range",
            of_filter!(filter_at_destination, source_port_range, ports),
        ),
        ("filter-at-source.destination-address", of_filter!(filter_at_source, destination_address, text)),
        (
            "filter-at-source.destination-port-range",
            of_filter!(filter_at_source, destination_port_range, ports),
        ),
        ("filter-at-source.source-address", of_filter!(filter_at_source, source_address, text)),
        ("filter-at-source.source-port-range", of_filter!(filter_at_source, source_port_range, ports)),
        ("protocol", |path| text(&path.protocol)),
        ("source", |path| text(&path.source)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeNetworkInsightsPathsRequest,
) -> Result<api::DescribeNetworkInsightsPathsResult, ServiceError> {
    let view = ec2.view(context);
    let next_token = input.next_token.as_ref();
    let page = Page::within("DescribeNetworkInsightsPaths", input.max_results, next_token, LIMITS);
    let wanted = FILTERS.wanted(input.filters.as_ref());
    let ids = input.network_insights_path_ids.as_ref();
    let (paths, next_token) = page.of(&view, ids, wanted, |path: &NetworkInsightsPath| shown(&view, path))?;
    ec2.answer(
        input.dry_run,
        api::DescribeNetworkInsightsPathsResult { network_insights_paths: Some(paths), next_token },
    )
}
