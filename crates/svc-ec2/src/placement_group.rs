//! Placement groups: CreatePlacementGroup, DeletePlacementGroup, DescribePlacementGroups.
//!
//! Owns the record. Refuses to know where instances run: there is one host, and which group and partition an instance
//! was to be in is in its own record.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/placement-groups.html>

use std::sync::Arc;

use aws_api::Unit;
use aws_api::ec2::{self as api, operation as op};
use aws_types::{PlacementGroupId, Tags};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};

use crate::filter::{Filters, text};
use crate::state::{Naming, State, resource};
use crate::{Ec2, dependency, error, quota, tag};

/// How many partitions a group can have, which is the number in a zone.
const PARTITIONS: std::ops::RangeInclusive<i32> = 1..=7;
/// How many it has that says nothing.
const DEFAULT_PARTITIONS: u8 = 2;
const MAX_NAME_CHARACTERS: usize = 255;

/// How the instances of a group are to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PlacementStrategy {
    /// Close to each other, in one zone.
    Cluster,
    /// In partitions that share no hardware.
    Partition {
        /// How many there are.
        count: u8,
    },
    /// Each on hardware of its own.
    Spread,
}

impl PlacementStrategy {
    /// As answers print it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cluster => "cluster",
            Self::Partition { .. } => "partition",
            Self::Spread => "spread",
        }
    }
}

/// A placement group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlacementGroup {
    /// Its id.
    pub id: PlacementGroupId,
    /// Its name, which no other group of the account in the region has.
    pub name: String,
    /// How its instances are to be placed.
    pub strategy: PlacementStrategy,
    /// Its tags.
    pub tags: Tags,
}

resource!(
    PlacementGroup,
    PlacementGroupId,
    "ec2.placement-group",
    Naming {
        resource_type: "placement-group",
        noun: "placement group",
        not_found: "InvalidPlacementGroup.Unknown",
        malformed: "InvalidPlacementGroupId.Malformed",
    },
    fn not_found_message(id: &str) -> String {
        format!("The Placement Group '{id}' is unknown.")
    },
    fn none_found_message(ids: &[String]) -> String {
        format!("The Placement Groups '{}' are unknown.", ids.join(", "))
    }
);

/// The group with that name.
///
/// # Errors
/// `InvalidPlacementGroup.Unknown`.
pub(crate) fn by_name(state: &impl State, name: &str) -> Result<Arc<PlacementGroup>, ServiceError> {
    state.all::<PlacementGroup>().find(|group| group.name == name).ok_or_else(|| {
        ServiceError::new(
            "InvalidPlacementGroup.Unknown",
            format!("The Placement Group '{name}' is unknown."),
        )
    })
}

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::CreatePlacementGroup>(create)
        .with::<op::DeletePlacementGroup>(delete)
        .with::<op::DescribePlacementGroups>(describe)
}

fn wanted_strategy(input: &api::CreatePlacementGroupRequest) -> Result<PlacementStrategy, ServiceError> {
    let strategy = match input.strategy.as_deref() {
        None => return Err(error::missing("strategy")),
        Some("cluster") => PlacementStrategy::Cluster,
        Some("spread") => PlacementStrategy::Spread,
        Some("partition") => {
            let count = match input.partition_count {
                None => DEFAULT_PARTITIONS,
                Some(count) => {
                    u8::try_from(count).ok().filter(|_| PARTITIONS.contains(&count)).ok_or_else(|| {
                        let why = "Partition count must be between 1 and 7.";
                        error::invalid_value_for(count, "partitionCount", why)
                    })?
                }
            };
            PlacementStrategy::Partition { count }
        }
        Some(other) => {
            let why = "It must be cluster, partition or spread.";
            return Err(error::invalid_value_for(other, "strategy", why));
        }
    };
    if input.partition_count.is_some() && !matches!(strategy, PlacementStrategy::Partition { .. }) {
        return Err(error::combination(
            "The parameter partitionCount can only be used with the strategy partition.",
        ));
    }
    match input.spread_level.as_deref() {
        None => {}
        Some(_) if strategy != PlacementStrategy::Spread => {
            return Err(error::combination(
                "The parameter spreadLevel can only be used with the strategy spread.",
            ));
        }
        Some("rack") => {}
        Some("host") => {
            return Err(error::unsupported(
                "The spread level host is for Outposts, which are not supported.",
            ));
        }
        Some(other) => {
            return Err(error::invalid_value_for(other, "spreadLevel", "It must be host or rack."));
        }
    }
    Ok(strategy)
}

fn create(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::CreatePlacementGroupRequest,
) -> Result<api::CreatePlacementGroupResult, ServiceError> {
    if input.linked_group_id.is_some() || input.parent_group_id.is_some() {
        return Err(error::unsupported("Placement groups of placement groups are not supported."));
    }
    if input.operator.is_some() {
        return Err(error::unsupported("Service-managed placement groups are not supported."));
    }
    let name = input.group_name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| error::missing("groupName"))?;
    if name.chars().count() > MAX_NAME_CHARACTERS || !name.is_ascii() {
        let why = format!("It must be up to {MAX_NAME_CHARACTERS} ASCII characters.");
        return Err(error::invalid_value_for(name, "groupName", &why));
    }
    let strategy = wanted_strategy(&input)?;
    let tags = tag::specified(input.tag_specifications.as_ref(), "placement-group")?;
    ec2.edit(context, input.dry_run, |edit| {
        if edit.all::<PlacementGroup>().any(|group| group.name == name) {
            let message = format!("The Placement Group '{name}' already exists.");
            return Err(ServiceError::new("InvalidPlacementGroup.Duplicate", message));
        }
        quota::PLACEMENT_GROUPS_PER_REGION.check(edit, edit.count::<PlacementGroup>() + 1)?;
        let group = PlacementGroup { id: edit.new_id(), name, strategy, tags };
        edit.put(group.clone());
        Ok(api::CreatePlacementGroupResult { placement_group: Some(shown(edit, &group)) })
    })
}

fn delete(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeletePlacementGroupRequest,
) -> Result<Unit, ServiceError> {
    ec2.edit(context, input.dry_run, |edit| {
        let group = by_name(edit, &input.group_name)?;
        dependency::check_placement_group(edit, &group)?;
        edit.remove::<PlacementGroup>(group.id);
        Ok(Unit)
    })
}

fn shown(state: &impl State, group: &PlacementGroup) -> api::PlacementGroup {
    let partition_count = match group.strategy {
        PlacementStrategy::Partition { count } => Some(i32::from(count)),
        PlacementStrategy::Cluster | PlacementStrategy::Spread => None,
    };
    api::PlacementGroup {
        group_arn: Some(state.arn(&format!("placement-group/{}", group.name))),
        group_id: Some(group.id.to_string()),
        group_name: Some(group.name.clone()),
        partition_count,
        spread_level: (group.strategy == PlacementStrategy::Spread).then(|| "rack".to_owned()),
        state: Some("available".to_owned()),
        strategy: Some(group.strategy.as_str().to_owned()),
        tags: tag::shown(&group.tags),
        ..Default::default()
    }
}

static FILTERS: Filters<api::PlacementGroup> = Filters {
    tags: Some(|group| group.tags.as_deref().unwrap_or_default()),
    named: &[
        ("group-arn", |group| text(&group.group_arn)),
        ("group-name", |group| text(&group.group_name)),
        ("operator.managed", |_| vec!["false".to_owned()]),
        ("spread-level", |group| text(&group.spread_level)),
        ("state", |group| text(&group.state)),
        ("strategy", |group| text(&group.strategy)),
    ],
    absent: &["operator.principal"],
};

/// AWS answers all groups at once.
fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribePlacementGroupsRequest,
) -> Result<api::DescribePlacementGroupsResult, ServiceError> {
    let view = ec2.view(context);
    let mut groups = view.selected::<PlacementGroup>(input.group_ids.as_ref())?;
    if let Some(names) = input.group_names.filter(|names| !names.is_empty()) {
        for name in &names {
            by_name(&view, name)?;
        }
        groups.retain(|group| names.contains(&group.name));
    }
    let mut groups: Vec<_> = groups.iter().map(|group| shown(&view, group)).collect();
    FILTERS.apply(&mut groups, input.filters.as_ref())?;
    ec2.answer(input.dry_run, api::DescribePlacementGroupsResult { placement_groups: Some(groups) })
}
