//! GetResources.
//!
//! A page ends by the number of its resources, or by that of their tags. Resources that have no tags are not shown; AWS
//! also shows those that once had some, and nothing here remembers that.
//!
//! <https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html>

use aws_api::resourcegroupstaggingapi::{
    GetResourcesInput, GetResourcesOutput, ResourceTagMapping, Tag, TagFilter,
};
use aws_types::{Arn, Tags};
use service_api::{Page, RequestContext, ServiceError, position, token_after};

use crate::compliance::{check, details, is_of_type};
use crate::{State, TaggedResource, error, page};

/// How many resources a page has when the request names no number.
const DEFAULT_RESOURCES: usize = 50;
/// The most resources that a page can have.
const MAX_RESOURCES: i32 = 100;
/// The tags that a page can be made to have.
const TAGS: std::ops::RangeInclusive<i32> = 100..=500;

pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetResourcesInput,
) -> Result<GetResourcesOutput, ServiceError> {
    let wanted = check_arns(&request)?;
    let limits = Limits::of(&request)?;
    let filters = check_filters(request.tag_filters.as_deref().unwrap_or_default())?;
    let shows_compliance = request.include_compliance_details == Some(true);
    if request.exclude_compliant_resources == Some(true) && !shows_compliance {
        return Err(error::invalid_parameter(
            "ExcludeCompliantResources can be true only when IncludeComplianceDetails is true.",
        ));
    }
    let rules = shows_compliance
        .then(|| state.policy.rules(&state.store.snapshot(), context.partition, context.account()))
        .transpose()?;
    let types = request.resource_type_filters.unwrap_or_default();
    let found = state
        .own(context)
        .into_iter()
        .filter(|resource| !resource.tags.is_empty())
        .filter(|resource| wanted.as_ref().is_none_or(|wanted| wanted.contains(&resource.arn)))
        .filter(|resource| {
            types.is_empty() || types.iter().any(|one| is_of_type(one, &resource.resource_type))
        })
        .filter(|resource| filters.iter().all(|filter| matches(filter, &resource.tags)))
        .map(|resource| {
            let found = rules.as_ref().map(|rules| check(rules, &resource));
            (resource, found)
        })
        .filter(|(_, found)| {
            request.exclude_compliant_resources != Some(true)
                || found.as_ref().is_some_and(|found| !found.is_empty())
        });
    let page = limits.cut(found, page::sent(request.pagination_token.as_ref()))?;
    let shown = page.items.into_iter().map(|(resource, found)| ResourceTagMapping {
        resource_arn: Some(resource.arn.to_string()),
        tags: Some(resource.tags.iter().map(tag).collect()),
        compliance_details: found.as_deref().map(details),
    });
    Ok(GetResourcesOutput {
        pagination_token: Some(page.next_token.unwrap_or_default()),
        resource_tag_mapping_list: Some(shown.collect()),
    })
}

fn tag((key, value): (&str, &str)) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

/// The resources that are named. Whoever names them cannot ask for anything else.
fn check_arns(request: &GetResourcesInput) -> Result<Option<Vec<Arn>>, ServiceError> {
    let Some(arns) = &request.resource_arn_list else { return Ok(None) };
    let is_alone = request.tag_filters.as_ref().is_none_or(Vec::is_empty)
        && request.resource_type_filters.as_ref().is_none_or(Vec::is_empty)
        && request.resources_per_page.is_none()
        && request.tags_per_page.is_none()
        && page::sent(request.pagination_token.as_ref()).is_none();
    if !is_alone {
        return Err(error::invalid_parameter(
            "ResourceARNList cannot be used with TagFilters, ResourceTypeFilters, ResourcesPerPage, TagsPerPage or PaginationToken.",
        ));
    }
    let read = |arn: &String| {
        arn.parse().map_err(|_| error::invalid_parameter(format!("The ARN {arn} is not valid.")))
    };
    arns.iter().map(read).collect::<Result<_, _>>().map(Some)
}

fn check_filters(filters: &[TagFilter]) -> Result<Vec<(&str, &[String])>, ServiceError> {
    if filters.iter().any(|filter| filter.key.as_ref().is_none_or(String::is_empty)) {
        return Err(error::invalid_parameter("A tag filter needs a key."));
    }
    Ok(filters
        .iter()
        .map(|filter| {
            (filter.key.as_deref().unwrap_or_default(), filter.values.as_deref().unwrap_or_default())
        })
        .collect())
}

/// Whether a resource has a tag of that key, with one of those values when there are some.
fn matches((key, values): &(&str, &[String]), tags: &Tags) -> bool {
    tags.get(key).is_some_and(|held| values.is_empty() || values.iter().any(|value| value == held))
}

/// Where pages end.
struct Limits {
    resources: usize,
    tags: Option<usize>,
}

impl Limits {
    fn of(request: &GetResourcesInput) -> Result<Self, ServiceError> {
        if let Some(tags) = request.tags_per_page.filter(|tags| !TAGS.contains(tags) || tags % 100 != 0) {
            let message = format!("TagsPerPage is {tags}, and has to be 100, 200, 300, 400 or 500.");
            return Err(error::invalid_parameter(message));
        }
        if let Some(resources) =
            request.resources_per_page.filter(|count| !(1..=MAX_RESOURCES).contains(count))
        {
            let message =
                format!("ResourcesPerPage is {resources}, and has to be between 1 and {MAX_RESOURCES}.");
            return Err(error::invalid_parameter(message));
        }
        let count = |asked: i32| usize::try_from(asked).ok();
        // Without a number of resources, that of tags alone ends a page.
        let default = if request.tags_per_page.is_some() { usize::MAX } else { DEFAULT_RESOURCES };
        Ok(Self {
            resources: request.resources_per_page.and_then(count).unwrap_or(default),
            tags: request.tags_per_page.and_then(count),
        })
    }

    /// A page, and the token of the next one. A resource is on one page with all of its tags, and one without tags counts as
    /// one with a tag.
    fn cut<T>(
        &self,
        found: impl Iterator<Item = (TaggedResource, T)>,
        token: Option<&str>,
    ) -> Result<Page<(TaggedResource, T)>, ServiceError> {
        let after = token.map(|token| position(token).ok_or_else(page::refused)).transpose()?;
        let mut rest = found
            .skip_while(|(resource, _)| after.is_some_and(|after| resource.arn.as_str() <= after))
            .peekable();
        let (mut shown, mut tags) = (Vec::new(), 0);
        while let Some((resource, _)) = rest.peek() {
            tags += resource.tags.len().max(1);
            let has_room = shown.len() < self.resources && self.tags.is_none_or(|most| tags <= most);
            if !has_room && !shown.is_empty() {
                break;
            }
            shown.extend(rest.next());
        }
        let last = shown.last().filter(|_| rest.peek().is_some());
        let token = last.map(|(resource, _)| token_after(resource.arn.as_str()));
        Ok(Page { items: shown, next_token: token })
    }
}
