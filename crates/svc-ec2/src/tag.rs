//! Tags: CreateTags, DeleteTags, DescribeTags, and the `TagSpecifications` of other operations.
//!
//! Owns which tags are allowed, and the way from an id to the resource that carries them.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions>

use std::collections::BTreeMap;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{Arn, ImageId, ResourceId, SecurityGroupRuleId, Tag, Tags, Timestamp};
use service_api::{Operations, RequestContext, ServiceError};
use store::{RecordKind, Scope};

use crate::filter::{Filters, text};
use crate::page::Page;
use crate::record::{
    CustomerGateway, DhcpOptions, EgressOnlyInternetGateway, ElasticIp, FlowLog, Instance, InternetGateway,
    Ipv6Pool, KeyPair, LaunchTemplate, NatGateway, NetworkAcl, NetworkInsightsAccessScope,
    NetworkInsightsAccessScopeAnalysis, NetworkInsightsAnalysis, NetworkInsightsPath, NetworkInterface,
    PlacementGroup, PrefixList, PublicIpv4Pool, RouteTable, SecurityGroup, Snapshot, Subnet,
    SubnetCidrReservation, TransitGateway, TransitGatewayAttachment, TransitGatewayConnectPeer,
    TransitGatewayRouteTable, Volume, Vpc, VpcBlockPublicAccessExclusion, VpcEndpoint, VpcEndpointConnection,
    VpcEndpointService, VpcPeeringConnection, VpnConnection, VpnGateway,
};
use crate::state::{Edit, Resource, State, View};
use crate::{Ec2, error};

/// User tags on one resource.
const MAX_TAGS: usize = 50;
const MAX_KEY_CHARACTERS: usize = 128;
const MAX_VALUE_CHARACTERS: usize = 256;
/// How many resources one request can name.
const MAX_RESOURCES: usize = 1000;
/// The type of security group rules, which are in the records of their groups.
const RULE: &str = "security-group-rule";
/// Keys that begin so are AWS's own.
const RESERVED_PREFIX: &str = "aws:";

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table.with::<op::CreateTags>(create).with::<op::DeleteTags>(delete).with::<op::DescribeTags>(describe)
}

/// A resource's tags as answers have them: absent when there are none.
pub(crate) fn shown(tags: &Tags) -> Option<Vec<api::Tag>> {
    Some(shown_always(tags)).filter(|tags| !tags.is_empty())
}

/// A resource's tags, as an empty list when there are none.
pub(crate) fn shown_always(tags: &Tags) -> Vec<api::Tag> {
    tags.iter()
        .map(|(key, value)| api::Tag { key: Some(key.to_owned()), value: Some(value.to_owned()) })
        .collect()
}

/// Whether a key is one of AWS's own: such tags do not count, and requests neither set nor remove them.
fn is_reserved(key: &str) -> bool {
    key.get(..RESERVED_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(RESERVED_PREFIX))
}

fn check_key(key: &str) -> Result<(), ServiceError> {
    if key.is_empty() {
        return Err(error::invalid_value("Tag key cannot be null or empty."));
    }
    if key.chars().count() > MAX_KEY_CHARACTERS {
        return Err(error::invalid_value(format!(
            "Tag key exceeds the maximum length of {MAX_KEY_CHARACTERS} characters"
        )));
    }
    check_characters(key)?;
    if is_reserved(key) {
        return Err(error::invalid_value("Tag keys starting with 'aws:' are reserved for internal use"));
    }
    Ok(())
}

/// Refuses characters that no answer in XML could bring back. <https://www.w3.org/TR/xml/#charsets>
fn check_characters(text: &str) -> Result<(), ServiceError> {
    let is_lost =
        |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
    match text.chars().find(|&c| is_lost(c)) {
        Some(lost) => Err(error::invalid_value(format!(
            "Tag keys and values cannot contain the character U+{:04X}",
            u32::from(lost)
        ))),
        None => Ok(()),
    }
}

/// Reads a list of tags.
///
/// # Errors
/// `InvalidParameterValue` for a key or value that is not allowed or a key given twice.
fn parse(list: &[api::Tag]) -> Result<Vec<Tag>, ServiceError> {
    let mut tags: Vec<Tag> = Vec::with_capacity(list.len());
    for tag in list {
        let key = tag.key.clone().ok_or_else(|| error::invalid_value("Tag key cannot be null or empty."))?;
        let value = tag.value.clone().unwrap_or_default();
        check_key(&key)?;
        if value.chars().count() > MAX_VALUE_CHARACTERS {
            let message =
                format!("Tag value exceeds the maximum length of {MAX_VALUE_CHARACTERS} characters");
            return Err(error::invalid_value(message));
        }
        check_characters(&value)?;
        if tags.iter().any(|other| other.key == key) {
            return Err(error::invalid_value(format!("Duplicate tag key '{key}' specified.")));
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

fn check_count(tags: &Tags) -> Result<(), ServiceError> {
    if tags.iter().filter(|(key, _)| !is_reserved(key)).count() > MAX_TAGS {
        return Err(ServiceError::new(
            "TagLimitExceeded",
            "The maximum number of Tags for a resource has been reached.",
        ));
    }
    Ok(())
}

/// The tags that a request specifies for the one type of resource that it makes.
///
/// # Errors
/// `InvalidParameterValue` for another type, or what `TagSpecifications` may not have.
pub(crate) fn specified(
    specifications: Option<&Vec<api::TagSpecification>>,
    resource_type: &str,
) -> Result<Tags, ServiceError> {
    Ok(specified_among(specifications, &[resource_type])?.take(resource_type))
}

/// The tags that a request specifies, by the type of the resources that are to carry them.
pub(crate) struct TagsByType(BTreeMap<String, Tags>);

impl TagsByType {
    /// Takes the tags for one type; there are none when the request specifies none.
    pub(crate) fn take(&mut self, resource_type: &str) -> Tags {
        self.0.remove(resource_type).unwrap_or_default()
    }
}

/// The tags that a request specifies, which can be for any of these types of resources.
///
/// # Errors
/// `InvalidParameterValue` for another type, or what `TagSpecifications` may not have.
pub(crate) fn specified_among(
    specifications: Option<&Vec<api::TagSpecification>>,
    resource_types: &[&str],
) -> Result<TagsByType, ServiceError> {
    let mut found = BTreeMap::new();
    for specification in specifications.into_iter().flatten() {
        let resource_type = specification
            .resource_type
            .as_deref()
            .ok_or_else(|| error::invalid_value("Tag specification resource type must have a value"))?;
        if !resource_types.contains(&resource_type) {
            let message =
                format!("'{resource_type}' is not a valid taggable resource type for this operation.");
            return Err(error::invalid_value(message));
        }
        let list = specification.tags.as_deref().filter(|tags| !tags.is_empty());
        let list =
            list.ok_or_else(|| error::invalid_value("Tag specification must have at least one tag"))?;
        let tags: Tags = parse(list)?.into_iter().collect();
        check_count(&tags)?;
        if found.insert(resource_type.to_owned(), tags).is_some() {
            return Err(error::invalid_value(
                "The same resource type may not be specified more than once in tag specifications",
            ));
        }
    }
    Ok(TagsByType(found))
}

/// Calls a macro with every kind of resource that carries tags in a record of its own.
macro_rules! with_kinds {
    ($call:ident!($($argument:tt)*)) => {
        $call!($($argument)*; Vpc, Subnet, RouteTable, SecurityGroup, NetworkAcl, NetworkInterface, Instance, KeyPair,
            DhcpOptions, InternetGateway, EgressOnlyInternetGateway, PrefixList, ElasticIp, VpcPeeringConnection, FlowLog, CustomerGateway, VpnGateway, VpnConnection, VpcEndpoint, VpcEndpointConnection, VpcEndpointService, TransitGateway, TransitGatewayAttachment, TransitGatewayConnectPeer, TransitGatewayRouteTable, NatGateway, LaunchTemplate, SubnetCidrReservation, VpcBlockPublicAccessExclusion, Ipv6Pool, PublicIpv4Pool, Volume, Snapshot, PlacementGroup, NetworkInsightsPath, NetworkInsightsAnalysis, NetworkInsightsAccessScope, NetworkInsightsAccessScopeAnalysis)
    };
}

pub(crate) use with_kinds;

/// The kinds of resources.
pub(crate) const RECORDS: &[RecordKind] = {
    macro_rules! kinds {
        (; $($kind:ty),*) => {
            &[$(RecordKind::of::<$kind>()),*]
        };
    }
    with_kinds!(kinds!())
};

/// Changes the tags of one resource, whatever kind its id names.
fn retag(
    edit: &mut Edit<'_>,
    id: &str,
    change: &dyn Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    macro_rules! by_prefix {
        ($prefix:expr; $($kind:ty),*) => {
            match $prefix {
                $(<$kind as Resource>::Id::PREFIX => retag_as::<$kind>(edit, id, change),)*
                SecurityGroupRuleId::PREFIX => crate::security_group::retag_rule(edit, id, change),
                ImageId::PREFIX => Err(error::unsupported("Tags on public images are not supported.")),
                _ => Err(ServiceError::new("InvalidID", format!("The ID '{id}' is not valid"))),
            }
        };
    }
    let prefix = id.rsplit_once('-').map_or("", |(prefix, _)| prefix);
    with_kinds!(by_prefix!(prefix))
}

fn retag_as<R: Resource>(
    edit: &mut Edit<'_>,
    id: &str,
    change: &dyn Fn(&mut Tags) -> Result<(), ServiceError>,
) -> Result<(), ServiceError> {
    let mut resource = R::clone(&*edit.named::<R>(id)?);
    change(resource.tags_mut())?;
    edit.put(resource);
    Ok(())
}

fn check_resources(resources: &[String]) -> Result<(), ServiceError> {
    if resources.is_empty() {
        return Err(error::missing("resourceIdSet"));
    }
    if resources.len() > MAX_RESOURCES {
        let message = format!("The request can name at most {MAX_RESOURCES} resources");
        return Err(error::invalid_value(message));
    }
    Ok(())
}

fn create(ec2: &Ec2, context: &RequestContext, input: api::CreateTagsRequest) -> Result<Unit, ServiceError> {
    check_resources(&input.resources)?;
    if input.tags.is_empty() {
        return Err(error::missing("tagSet"));
    }
    let tags = parse(&input.tags)?;
    ec2.edit(context, input.dry_run, |edit| {
        for id in &input.resources {
            retag(edit, id, &|held| {
                tags.iter().cloned().for_each(|tag| held.set(tag));
                check_count(held)
            })?;
        }
        Ok(Unit)
    })
}

fn delete(ec2: &Ec2, context: &RequestContext, input: api::DeleteTagsRequest) -> Result<Unit, ServiceError> {
    check_resources(&input.resources)?;
    let listed = input.tags.filter(|tags| !tags.is_empty());
    for tag in listed.iter().flatten() {
        check_key(tag.key.as_deref().unwrap_or_default())?;
    }
    ec2.edit(context, input.dry_run, |edit| {
        for id in &input.resources {
            retag(edit, id, &|held| {
                match &listed {
                    // A tag without a value is removed whatever its value is; without any tags, all are.
                    Some(tags) => {
                        for tag in tags {
                            held.remove(tag.key.as_deref().unwrap_or_default(), tag.value.as_deref());
                        }
                    }
                    None => {
                        let reserved = held.iter().filter(|(key, _)| is_reserved(key));
                        let reserved =
                            reserved.map(|(key, value)| Tag { key: key.to_owned(), value: value.to_owned() });
                        *held = reserved.collect::<Vec<_>>().into_iter().collect();
                    }
                }
                Ok(())
            })?;
        }
        Ok(Unit)
    })
}

/// A resource of EC2's that can carry tags.
#[derive(Clone, Debug, PartialEq)]
pub struct Taggable {
    /// The `ResourceType` of its tags, such as `vpc`.
    pub resource_type: &'static str,
    /// Its ARN, which ends with its id.
    pub arn: Arn,
    /// Its tags; it may have none.
    pub tags: Tags,
}

/// All resources of an account in a region that can carry tags.
pub fn taggable(snapshot: &store::Snapshot, scope: &Scope, now: Timestamp) -> Vec<Taggable> {
    let mut found = Vec::new();
    each_resource(&View::of(snapshot.clone(), scope.clone(), now), |resource_type, id, tags| {
        let name = format!("{resource_type}/{id}");
        let arn = Arn::new(scope.partition, "ec2", &scope.region, scope.account, &name);
        found.push(Taggable { resource_type, arn, tags: tags.clone() });
    });
    found
}

/// The `ResourceType` of the resources whose ids look like that one; `None` for what is no id of a resource that can carry
/// tags.
pub fn resource_type_of(id: &str) -> Option<&'static str> {
    macro_rules! by_prefix {
        ($prefix:expr; $($kind:ty),*) => {
            match $prefix {
                $(<$kind as Resource>::Id::PREFIX => Some(<$kind as Resource>::NAMING.resource_type),)*
                SecurityGroupRuleId::PREFIX => Some(RULE),
                _ => None,
            }
        };
    }
    let prefix = id.rsplit_once('-').map_or("", |(prefix, _)| prefix);
    with_kinds!(by_prefix!(prefix))
}

/// Tells of each resource's type, id and tags.
fn each_resource(view: &View, mut tell: impl FnMut(&'static str, &str, &Tags)) {
    macro_rules! tell_all {
        (; $($kind:ty),*) => {
            $(for resource in view.all::<$kind>() {
                tell(<$kind as Resource>::NAMING.resource_type, &resource.id().to_string(), resource.tags());
            })*
        };
    }
    with_kinds!(tell_all!());
    for group in view.all::<SecurityGroup>() {
        for rule in &group.rules {
            tell(RULE, &rule.id.to_string(), &rule.tags);
        }
    }
}

static FILTERS: Filters<api::TagDescription> = Filters {
    tags: None,
    named: &[
        ("key", |tag| text(&tag.key)),
        ("resource-id", |tag| text(&tag.resource_id)),
        ("resource-type", |tag| text(&tag.resource_type)),
        ("value", |tag| text(&tag.value)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeTagsRequest,
) -> Result<api::DescribeTagsResult, ServiceError> {
    let mut found = Vec::new();
    each_resource(&ec2.view(context), |resource_type, id, tags| push(&mut found, id, resource_type, tags));
    // `tag:KEY` is a filter here too, and stands for the two others.
    let (by_key, filters): (Vec<_>, Vec<_>) = input
        .filters
        .unwrap_or_default()
        .into_iter()
        .partition(|filter| filter.name.as_deref().is_some_and(|name| name.starts_with("tag:")));
    FILTERS.apply(&mut found, Some(&filters))?;
    for filter in by_key {
        let key =
            filter.name.as_deref().and_then(|name| name.strip_prefix("tag:")).unwrap_or_default().to_owned();
        found.retain(|tag| tag.key.as_ref() == Some(&key));
        let values = api::Filter { name: Some("value".to_owned()), values: filter.values };
        FILTERS.apply(&mut found, Some(&vec![values]))?;
    }
    let mut keyed: Vec<(String, api::TagDescription)> = found
        .into_iter()
        .map(|tag| {
            let id = tag.resource_id.as_deref().unwrap_or_default();
            (format!("{id}\0{}", tag.key.as_deref().unwrap_or_default()), tag)
        })
        .collect();
    keyed.sort_by(|one, other| one.0.cmp(&other.0));
    let page = Page::new("DescribeTags", input.max_results, input.next_token.as_ref());
    let (tags, next_token) = page.cut(keyed, |(key, _)| key)?;
    ec2.answer(
        input.dry_run,
        api::DescribeTagsResult { next_token, tags: Some(tags.into_iter().map(|(_, tag)| tag).collect()) },
    )
}

fn push(found: &mut Vec<api::TagDescription>, id: &str, resource_type: &str, tags: &Tags) {
    found.extend(tags.iter().map(|(key, value)| api::TagDescription {
        key: Some(key.to_owned()),
        resource_id: Some(id.to_owned()),
        resource_type: Some(resource_type.to_owned()),
        value: Some(value.to_owned()),
    }));
}
