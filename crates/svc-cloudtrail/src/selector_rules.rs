//! Which selectors a trail can have.
//!
//! Owns the rules of PutEventSelectors. Refuses to know what selectors do.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/filtering-data-events.html>

use std::collections::BTreeSet;

use aws_api::cloudtrail as api;
use service_api::ServiceError;

use crate::error::invalid_selectors;
use crate::{AdvancedSelector, DataResource, FieldSelector, ReadWrite, Selector, Selectors};

/// How many basic selectors a trail has at most.
const MAX_BASIC: usize = 5;
/// How many data resources all of its basic selectors name.
const MAX_DATA_RESOURCES: usize = 250;
/// How many values all of its advanced selectors have.
const MAX_VALUES: usize = 500;
/// The longest name of an advanced selector, and the longest value.
const MAX_NAME_CHARS: usize = 1000;
const MAX_VALUE_CHARS: usize = 2048;

/// What basic selectors can name, with what ARNs begin with.
const DATA_RESOURCES: [(&str, &str); 3] =
    [("AWS::S3::Object", ":s3"), ("AWS::Lambda::Function", ":lambda"), ("AWS::DynamoDB::Table", ":dynamodb")];
/// What they can leave out.
const EXCLUDABLE: [&str; 2] = ["kms.amazonaws.com", "rdsdata.amazonaws.com"];

/// The fields of a selector of management events, and of one of data events.
const MANAGEMENT_FIELDS: [&str; 7] = [
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
];
const DATA_FIELDS: [&str; 9] = [
    "eventCategory",
    "eventName",
    "eventSource",
    "eventType",
    "readOnly",
    "resources.ARN",
    "resources.type",
    "sessionCredentialFromConsole",
    "userIdentity.arn",
];

/// Reads the selectors of a request.
///
/// # Errors
/// `InvalidEventSelectorsException`.
pub(crate) fn read(
    basic: Option<Vec<api::EventSelector>>,
    advanced: Option<Vec<api::AdvancedEventSelector>>,
) -> Result<Selectors, ServiceError> {
    match (basic, advanced) {
        (Some(basic), None) => read_basic(basic).map(Selectors::Basic),
        (None, Some(advanced)) => read_advanced(advanced).map(Selectors::Advanced),
        (None, None) => Err(invalid_selectors("Specify either EventSelectors or AdvancedEventSelectors.")),
        (Some(_), Some(_)) => Err(invalid_selectors(
            "A trail has either EventSelectors or AdvancedEventSelectors, and not both.",
        )),
    }
}

fn read_basic(selectors: Vec<api::EventSelector>) -> Result<Vec<Selector>, ServiceError> {
    if !(1..=MAX_BASIC).contains(&selectors.len()) {
        return Err(invalid_selectors(format!("A trail has 1 to {MAX_BASIC} event selectors.")));
    }
    let mut count = 0;
    let mut read = Vec::new();
    for selector in selectors {
        let read_write = match selector.read_write_type.as_deref() {
            None | Some("All") => ReadWrite::All,
            Some("ReadOnly") => ReadWrite::ReadOnly,
            Some("WriteOnly") => ReadWrite::WriteOnly,
            Some(other) => return Err(invalid_selectors(format!("{other} is no ReadWriteType."))),
        };
        let has_management_events = selector.include_management_events.unwrap_or(true);
        let excluded_sources = selector.exclude_management_event_sources.unwrap_or_default();
        if !has_management_events && !excluded_sources.is_empty() {
            return Err(invalid_selectors(
                "ExcludeManagementEventSources needs IncludeManagementEvents to be true.",
            ));
        }
        if let Some(other) = excluded_sources.iter().find(|source| !EXCLUDABLE.contains(&source.as_str())) {
            return Err(invalid_selectors(format!("{other} cannot be excluded.")));
        }
        let mut data_resources = Vec::new();
        for resource in selector.data_resources.unwrap_or_default() {
            let resource = data_resource(resource)?;
            count += resource.values.len();
            data_resources.push(resource);
        }
        if !has_management_events && data_resources.is_empty() {
            return Err(invalid_selectors("An event selector selects management events or data events."));
        }
        read.push(Selector { read_write, has_management_events, data_resources, excluded_sources });
    }
    if count > MAX_DATA_RESOURCES {
        return Err(invalid_selectors(format!("A trail names at most {MAX_DATA_RESOURCES} data resources.")));
    }
    Ok(read)
}

fn data_resource(resource: api::DataResource) -> Result<DataResource, ServiceError> {
    let kind = resource.r#type.unwrap_or_default();
    let Some((_, service)) = DATA_RESOURCES.iter().find(|(known, _)| *known == kind) else {
        return Err(invalid_selectors(format!("{kind} is no type of data resources.")));
    };
    let values = resource.values.unwrap_or_default();
    let is_arn = |value: &&String| {
        let of_partition = value.strip_prefix("arn:").and_then(|rest| rest.find(':').map(|at| &rest[at..]));
        of_partition.is_some_and(|rest| rest.starts_with(service))
    };
    if values.is_empty() {
        return Err(invalid_selectors(format!("Name resources of the type {kind}.")));
    }
    if let Some(other) = values.iter().find(|value| !is_arn(value)) {
        return Err(invalid_selectors(format!("{other} is no ARN of a resource of the type {kind}.")));
    }
    Ok(DataResource { kind, values })
}

fn read_advanced(selectors: Vec<api::AdvancedEventSelector>) -> Result<Vec<AdvancedSelector>, ServiceError> {
    if selectors.is_empty() {
        return Err(invalid_selectors("A trail has at least one advanced event selector."));
    }
    let read: Vec<AdvancedSelector> = selectors.into_iter().map(advanced).collect::<Result<_, _>>()?;
    let values: usize = read.iter().flat_map(|one| &one.fields).map(|field| field.values().count()).sum();
    if values > MAX_VALUES {
        return Err(invalid_selectors(format!("The selectors of a trail have at most {MAX_VALUES} values.")));
    }
    Ok(read)
}

fn advanced(selector: api::AdvancedEventSelector) -> Result<AdvancedSelector, ServiceError> {
    let name = selector.name.filter(|name| !name.is_empty());
    if name.as_ref().is_some_and(|name| name.chars().count() > MAX_NAME_CHARS) {
        return Err(invalid_selectors(format!("A name has at most {MAX_NAME_CHARS} characters.")));
    }
    let fields: Vec<FieldSelector> = selector.field_selectors.into_iter().map(field).collect();
    let mut seen = BTreeSet::new();
    for field in &fields {
        if !seen.insert(field.field.as_str()) {
            return Err(invalid_selectors(format!("The field {} is there twice.", field.field)));
        }
        check_values(field)?;
    }
    let named = |name: &str| fields.iter().find(|field| field.field == name);
    let category = named("eventCategory").map(equals_alone).transpose()?;
    let allowed: &[&str] = match category.map(Vec::as_slice) {
        Some([one]) if one == "Management" => &MANAGEMENT_FIELDS,
        Some([one]) if one == "Data" => {
            let kind = named("resources.type").map(equals_alone).transpose()?;
            if kind.is_none_or(|kind| kind.len() != 1) {
                return Err(invalid_selectors("A selector of data events equals one resources.type."));
            }
            &DATA_FIELDS
        }
        Some([one]) if one == "NetworkActivity" => {
            return Err(invalid_selectors("Network activity events are not implemented."));
        }
        _ => return Err(invalid_selectors("eventCategory equals Management or Data.")),
    };
    for field in &fields {
        if !allowed.contains(&field.field.as_str()) {
            return Err(invalid_selectors(format!("{} is no field of such a selector.", field.field)));
        }
        let is_truth = ["readOnly", "sessionCredentialFromConsole"].contains(&field.field.as_str());
        if is_truth && !matches!(equals_alone(field)?.as_slice(), [one] if one == "true" || one == "false") {
            return Err(invalid_selectors(format!("{} equals true or false.", field.field)));
        }
    }
    Ok(AdvancedSelector { name, fields })
}

/// What a field equals, which is all that is said of it.
fn equals_alone(field: &FieldSelector) -> Result<&Vec<String>, ServiceError> {
    if field.values().count() == field.equals.len() && !field.equals.is_empty() {
        return Ok(&field.equals);
    }
    Err(invalid_selectors(format!("The field {} takes Equals alone.", field.field)))
}

fn check_values(field: &FieldSelector) -> Result<(), ServiceError> {
    if field.values().next().is_none() {
        return Err(invalid_selectors(format!("The field {} has no operator with values.", field.field)));
    }
    let is_valid = |value: &String| (1..=MAX_VALUE_CHARS).contains(&value.chars().count());
    if field.values().all(is_valid) {
        return Ok(());
    }
    Err(invalid_selectors(format!("A value of the field {} is empty or too long.", field.field)))
}

fn field(selector: api::AdvancedFieldSelector) -> FieldSelector {
    FieldSelector {
        field: selector.field,
        equals: selector.equals.unwrap_or_default(),
        starts_with: selector.starts_with.unwrap_or_default(),
        ends_with: selector.ends_with.unwrap_or_default(),
        not_equals: selector.not_equals.unwrap_or_default(),
        not_starts_with: selector.not_starts_with.unwrap_or_default(),
        not_ends_with: selector.not_ends_with.unwrap_or_default(),
    }
}
