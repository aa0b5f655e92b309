//! Which events a trail selects.
//!
//! Owns the selectors of a trail, PutEventSelectors and GetEventSelectors, and whether an event is selected. Which selectors
//! are allowed is in [`crate::selector_rules`].

use aws_api::cloudtrail::{
    self as api, GetEventSelectorsRequest, GetEventSelectorsResponse, PutEventSelectorsRequest,
    PutEventSelectorsResponse,
};
use cloudtrail_events::{Category, Event};
use serde::{Deserialize, Serialize};
use service_api::{RequestContext, ServiceError};

use crate::trail_name::Arn;
use crate::{State, selector_rules, trail};

/// The selectors of a trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selectors {
    /// By kind of event.
    Basic(Vec<Selector>),
    /// By fields.
    Advanced(Vec<AdvancedSelector>),
}

/// All management events, as a new trail has them.
impl Default for Selectors {
    fn default() -> Self {
        Self::Basic(vec![Selector {
            read_write: ReadWrite::All,
            has_management_events: true,
            data_resources: Vec::new(),
            excluded_sources: Vec::new(),
        }])
    }
}

/// A basic selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selector {
    /// Events that read, that write, or both.
    pub read_write: ReadWrite,
    /// Whether management events are selected.
    pub has_management_events: bool,
    /// Of which resources data events are selected.
    pub data_resources: Vec<DataResource>,
    /// Of which services management events are not.
    pub excluded_sources: Vec<String>,
}

/// Events that read, that write, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadWrite {
    /// `All`
    All,
    /// `ReadOnly`
    ReadOnly,
    /// `WriteOnly`
    WriteOnly,
}

impl ReadWrite {
    fn name(self) -> &'static str {
        match self {
            Self::All => "All",
            Self::ReadOnly => "ReadOnly",
            Self::WriteOnly => "WriteOnly",
        }
    }

    fn has(self, event: &Event) -> bool {
        match self {
            Self::All => true,
            Self::ReadOnly => event.read_only,
            Self::WriteOnly => !event.read_only,
        }
    }
}

/// Resources whose data events are selected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataResource {
    /// Such as `AWS::S3::Object`.
    pub kind: String,
    /// What their ARNs begin with.
    pub values: Vec<String>,
}

/// An advanced selector: all of its fields have to match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdvancedSelector {
    /// What its owner calls it.
    pub name: Option<String>,
    /// The fields.
    pub fields: Vec<FieldSelector>,
}

/// What a field has to be: one of those that it may be, and none of those that it may not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldSelector {
    /// Which field.
    pub field: String,
    /// It is one of these,
    pub equals: Vec<String>,
    /// or begins with one of these,
    pub starts_with: Vec<String>,
    /// or ends with one of these.
    pub ends_with: Vec<String>,
    /// It is none of these,
    pub not_equals: Vec<String>,
    /// begins with none of these,
    pub not_starts_with: Vec<String>,
    /// and ends with none of these.
    pub not_ends_with: Vec<String>,
}

impl Selectors {
    /// Whether data events can be selected.
    pub fn has_data(&self) -> bool {
        match self {
            Self::Basic(selectors) => selectors.iter().any(|selector| !selector.data_resources.is_empty()),
            Self::Advanced(selectors) => selectors.iter().any(|selector| {
                let category = selector.fields.iter().find(|field| field.field == "eventCategory");
                category.is_none_or(|category| category.equals.iter().any(|one| one == "Data"))
            }),
        }
    }

    /// Whether an event is selected.
    pub fn select(&self, event: &Event) -> bool {
        match self {
            Self::Basic(selectors) => selectors.iter().any(|selector| selector.selects(event)),
            Self::Advanced(selectors) => selectors.iter().any(|selector| selector.selects(event)),
        }
    }
}

impl Selector {
    fn selects(&self, event: &Event) -> bool {
        let is_of_kind = match event.event_category {
            Category::Management => {
                self.has_management_events && !self.excluded_sources.contains(&event.event_source)
            }
            Category::Data => self.data_resources.iter().any(|wanted| wanted.has(event)),
        };
        is_of_kind && self.read_write.has(event)
    }
}

impl DataResource {
    fn has(&self, event: &Event) -> bool {
        event.resources.iter().any(|resource| {
            resource.kind == self.kind && self.values.iter().any(|value| resource.name().starts_with(value))
        })
    }
}

impl AdvancedSelector {
    fn selects(&self, event: &Event) -> bool {
        // Of the resources of a data event those count that have the type, and not the bucket that an object is in.
        let kinds = self.fields.iter().find(|field| field.field == "resources.type");
        let kinds = kinds.map(|field| field.equals.as_slice()).unwrap_or_default();
        self.fields.iter().all(|field| field.selects(event, kinds))
    }
}

impl FieldSelector {
    fn selects(&self, event: &Event, kinds: &[String]) -> bool {
        let values = field_values(event, kinds, &self.field);
        let begins = |begin: &String| values.iter().any(|value| value.starts_with(begin));
        let ends = |end: &String| values.iter().any(|value| value.ends_with(end));
        let is = |wanted: &String| values.contains(&wanted.as_str());
        let has_wanted =
            !self.equals.is_empty() || !self.starts_with.is_empty() || !self.ends_with.is_empty();
        let is_wanted = self.equals.iter().any(is)
            || self.starts_with.iter().any(begins)
            || self.ends_with.iter().any(ends);
        let is_unwanted = self.not_equals.iter().any(is)
            || self.not_starts_with.iter().any(begins)
            || self.not_ends_with.iter().any(ends);
        (is_wanted || !has_wanted) && !is_unwanted
    }

    /// All its values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &String> {
        let lists = [
            &self.equals,
            &self.starts_with,
            &self.ends_with,
            &self.not_equals,
            &self.not_starts_with,
            &self.not_ends_with,
        ];
        lists.into_iter().flatten()
    }
}

/// What an event has in a field; of resources of these kinds there may be several.
fn field_values<'a>(event: &'a Event, kinds: &[String], field: &str) -> Vec<&'a str> {
    let resources = || event.resources.iter().filter(|one| kinds.is_empty() || kinds.contains(&one.kind));
    let truth = |is: bool| if is { "true" } else { "false" };
    match field {
        "eventCategory" => vec![match event.event_category {
            Category::Management => "Management",
            Category::Data => "Data",
        }],
        "eventName" => vec![&event.event_name],
        "eventSource" => vec![&event.event_source],
        "eventType" => vec!["AwsApiCall"],
        "readOnly" => vec![truth(event.read_only)],
        "resources.ARN" => resources().map(|resource| resource.name()).collect(),
        "resources.type" => resources().map(|resource| resource.kind.as_str()).collect(),
        "sessionCredentialFromConsole" => vec!["false"],
        "userIdentity.arn" => event.user_identity.arn.as_deref().into_iter().collect(),
        _ => Vec::new(),
    }
}

fn texts(list: &[String]) -> Option<Vec<String>> {
    (!list.is_empty()).then(|| list.to_vec())
}

fn shown_basic(selector: &Selector) -> api::EventSelector {
    let resource = |one: &DataResource| api::DataResource {
        r#type: Some(one.kind.clone()),
        values: Some(one.values.clone()),
    };
    api::EventSelector {
        read_write_type: Some(selector.read_write.name().to_owned()),
        include_management_events: Some(selector.has_management_events),
        data_resources: Some(selector.data_resources.iter().map(resource).collect()),
        exclude_management_event_sources: Some(selector.excluded_sources.clone()),
    }
}

fn shown_advanced(selector: &AdvancedSelector) -> api::AdvancedEventSelector {
    let field = |one: &FieldSelector| api::AdvancedFieldSelector {
        field: one.field.clone(),
        equals: texts(&one.equals),
        starts_with: texts(&one.starts_with),
        ends_with: texts(&one.ends_with),
        not_equals: texts(&one.not_equals),
        not_starts_with: texts(&one.not_starts_with),
        not_ends_with: texts(&one.not_ends_with),
    };
    api::AdvancedEventSelector {
        name: selector.name.clone(),
        field_selectors: selector.fields.iter().map(field).collect(),
    }
}

type ShownSelectors = (Option<Vec<api::EventSelector>>, Option<Vec<api::AdvancedEventSelector>>);

fn shown(selectors: &Selectors) -> ShownSelectors {
    match selectors {
        Selectors::Basic(selectors) => (Some(selectors.iter().map(shown_basic).collect()), None),
        Selectors::Advanced(selectors) => (None, Some(selectors.iter().map(shown_advanced).collect())),
    }
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PutEventSelectors.html>
pub(crate) fn put(
    state: &State,
    context: &RequestContext,
    request: PutEventSelectorsRequest,
) -> Result<PutEventSelectorsResponse, ServiceError> {
    let selectors = selector_rules::read(request.event_selectors, request.advanced_event_selectors)?;
    let (scope, trail, ()) = trail::change(state, context, &request.trail_name, |_, trail| {
        trail.selectors.clone_from(&selectors);
        Ok(())
    })?;
    let (event_selectors, advanced_event_selectors) = shown(&trail.selectors);
    let arn = Arn::text(context.partition, &scope.region, scope.account, &trail.name);
    Ok(PutEventSelectorsResponse { trail_arn: Some(arn), event_selectors, advanced_event_selectors })
}

/// <https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_GetEventSelectors.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetEventSelectorsRequest,
) -> Result<GetEventSelectorsResponse, ServiceError> {
    let (scope, trail) = trail::find(state, &state.store.snapshot(), context, &request.trail_name)?;
    let (event_selectors, advanced_event_selectors) = shown(&trail.selectors);
    let arn = Arn::text(context.partition, &scope.region, scope.account, &trail.name);
    Ok(GetEventSelectorsResponse { trail_arn: Some(arn), event_selectors, advanced_event_selectors })
}
