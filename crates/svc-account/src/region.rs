//! The regions of an account. Brume serves all of them to every account, and lets none be disabled.

use aws_api::Unit;
use aws_api::account::{
    self as api, DisableRegionRequest, EnableRegionRequest, GetRegionOptStatusRequest,
    GetRegionOptStatusResponse, ListRegionsRequest, ListRegionsResponse,
};
use aws_catalog::{OptIn, RegionFacts, region, regions};
use service_api::{RequestContext, ServiceError, page_size, take_page};

use crate::{State, error, target};

/// How many results a page has when the request names no number; also the most that it can name.
const DEFAULT_RESULTS: usize = 50;

fn status(facts: &RegionFacts) -> &'static str {
    match facts.opt_in {
        OptIn::NotRequired => "ENABLED_BY_DEFAULT",
        OptIn::Required => "ENABLED",
    }
}

fn named(name: &str) -> Result<&'static RegionFacts, ServiceError> {
    let found = name.parse().ok().and_then(|name| region(&name));
    found.ok_or_else(|| error::invalid("invalidRegionOptTarget", format!("There is no region {name}.")))
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_ListRegions.html>
pub(crate) fn list(
    state: &State,
    context: &RequestContext,
    request: ListRegionsRequest,
) -> Result<ListRegionsResponse, ServiceError> {
    target::account(&state.store.snapshot(), context, request.account_id.as_deref())?;
    let wanted = request.region_opt_status_contains.filter(|wanted| !wanted.is_empty());
    let found = regions()
        .iter()
        .filter(|facts| wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|one| one == status(facts))))
        .map(|facts| {
            let shown = api::Region {
                region_name: Some(facts.name.to_owned()),
                region_opt_status: Some(status(facts).to_owned()),
            };
            (facts.name.to_owned(), shown)
        });
    let refused =
        || error::invalid("fieldValidationFailed", "The specified value for NextToken is not valid.");
    let size = page_size(request.max_results, DEFAULT_RESULTS);
    let page = take_page(found, request.next_token.as_deref(), size, refused)?;
    Ok(ListRegionsResponse { regions: Some(page.items), next_token: page.next_token })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_GetRegionOptStatus.html>
pub(crate) fn get(
    state: &State,
    context: &RequestContext,
    request: GetRegionOptStatusRequest,
) -> Result<GetRegionOptStatusResponse, ServiceError> {
    target::account(&state.store.snapshot(), context, request.account_id.as_deref())?;
    let facts = named(&request.region_name)?;
    Ok(GetRegionOptStatusResponse {
        region_name: Some(facts.name.to_owned()),
        region_opt_status: Some(status(facts).to_owned()),
    })
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_EnableRegion.html>
pub(crate) fn enable(
    state: &State,
    context: &RequestContext,
    request: EnableRegionRequest,
) -> Result<Unit, ServiceError> {
    target::account(&state.store.snapshot(), context, request.account_id.as_deref())?;
    let name = named(&request.region_name)?.name;
    Err(error::invalid(
        "invalidRegionOptTarget",
        format!("The region {name} is enabled already, as all are."),
    ))
}

/// <https://docs.aws.amazon.com/accounts/latest/reference/API_DisableRegion.html>
pub(crate) fn disable(
    state: &State,
    context: &RequestContext,
    request: DisableRegionRequest,
) -> Result<Unit, ServiceError> {
    target::account(&state.store.snapshot(), context, request.account_id.as_deref())?;
    let name = named(&request.region_name)?.name;
    Err(error::invalid("invalidRegionOptTarget", format!("The region {name} can't be disabled here.")))
}
