//! What prefix lists there are: DescribeManagedPrefixLists, DescribePrefixLists, GetManagedPrefixListAssociations.
//!
//! Owns how a customer's lists and those that AWS manages ([`aws_catalog::prefix_lists`]) are one set. Refuses to change
//! either.

use std::collections::BTreeMap;

use aws_api::ec2::{self as api, operation as op};
use aws_catalog::AwsPrefixList;
use aws_types::{PrefixListId, Tags};
use ipnet::IpNet;
use service_api::{Operations, RequestContext, ServiceError};

use super::{AddressFamily, PrefixList, PrefixListEntry};
use crate::filter::{Filters, text};
use crate::page::{LIMITS_FROM_ONE, Page};
use crate::route_table::RouteTable;
use crate::security_group::SecurityGroup;
use crate::sharing::{self, Owned};
use crate::state::{State, View, not_found, parse_id};
use crate::transit_gateway::route_table::TransitGatewayRouteTable;
use crate::{Ec2, tag};

/// How many lists a page can have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeManagedPrefixLists.html>
const PAGE_LIMITS: (i32, i32) = (1, 100);

/// How many associations a page can have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetManagedPrefixListAssociations.html>
const ASSOCIATIONS_PAGE_LIMITS: (i32, i32) = (5, 255);

/// Who owns the lists that AWS manages.
const AWS_OWNER: &str = "AWS";

/// A prefix list of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Listed {
    /// A customer's: this account's, or another's.
    OfCustomer(Owned<PrefixList>),
    /// One that AWS manages.
    OfAws(AwsPrefixList),
}

impl Listed {
    /// The list that a request names, among those that this account sees.
    ///
    /// # Errors
    /// `InvalidPrefixListID.NotFound`, `InvalidPrefixListId.Malformed`.
    pub(crate) fn named(state: &impl State, text: &str) -> Result<Self, ServiceError> {
        let found = Self::find(state, parse_id::<PrefixList>(text)?).filter(|list| match list {
            Self::OfAws(_) => true,
            Self::OfCustomer(held) => state.is_seen(held.owner, &*held.resource),
        });
        found.ok_or_else(|| not_found::<PrefixList>(text))
    }

    /// The list with that id, which something refers to.
    pub(crate) fn find(state: &impl State, id: PrefixListId) -> Option<Self> {
        let of_aws = aws_catalog::prefix_lists(state.region()).into_iter().find(|list| list.id == id);
        let of_customer = || {
            let (owner, list) = state.anyones::<PrefixList>(id)?;
            Some(Self::OfCustomer(state.owned(owner, list)))
        };
        of_aws.map(Self::OfAws).or_else(of_customer)
    }

    /// The lists that a describe operation is about, in order of their ids: those named, or all when none is.
    fn selected(state: &impl State, ids: Option<&Vec<String>>) -> Result<Vec<Self>, ServiceError> {
        let mut of_aws: BTreeMap<String, AwsPrefixList> = aws_catalog::prefix_lists(state.region())
            .into_iter()
            .map(|list| (list.id.to_string(), list))
            .collect();
        let mut others = Vec::new();
        if let Some(ids) = ids.filter(|ids| !ids.is_empty()) {
            others = ids.iter().filter(|id| !of_aws.contains_key(*id)).cloned().collect();
            of_aws.retain(|id, _| ids.contains(id));
            if others.is_empty() {
                return Ok(of_aws.into_values().map(Self::OfAws).collect());
            }
        }
        let others = state.all_seen::<PrefixList>(Some(&others))?.into_iter().map(Self::OfCustomer);
        let mut all: Vec<Self> = others.chain(of_aws.into_values().map(Self::OfAws)).collect();
        all.sort_by_key(Self::id);
        Ok(all)
    }

    /// Its id.
    pub(crate) fn id(&self) -> PrefixListId {
        match self {
            Self::OfCustomer(held) => held.resource.id,
            Self::OfAws(list) => list.id,
        }
    }

    /// Which addresses it is of.
    pub(crate) fn family(&self) -> AddressFamily {
        match self {
            Self::OfCustomer(held) => held.resource.family,
            Self::OfAws(_) => AddressFamily::Ipv4,
        }
    }

    /// As how many rules it counts where it is named.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::OfCustomer(held) => held.resource.max_entries,
            Self::OfAws(_) => AwsPrefixList::WEIGHT,
        }
    }

    /// What is in it, in order of the blocks.
    pub(crate) fn entries(&self) -> Vec<PrefixListEntry> {
        match self {
            Self::OfCustomer(held) => held.resource.entries.clone(),
            Self::OfAws(list) => {
                let blocks = list.blocks.iter().map(|block| IpNet::V4(*block));
                blocks.map(|block| PrefixListEntry { block, description: None }).collect()
            }
        }
    }

    fn shown(&self, view: &View) -> api::ManagedPrefixList {
        match self {
            Self::OfCustomer(held) => shown_of_customer(&view.of_owner(held.owner), &held.resource),
            Self::OfAws(list) => shown_of_aws(view, list),
        }
    }
}

pub(super) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    table
        .with::<op::DescribeManagedPrefixLists>(describe)
        .with::<op::DescribePrefixLists>(describe_of_aws)
        .with::<op::GetManagedPrefixListAssociations>(associations)
}

/// A customer's list as answers have it.
pub(super) fn shown_of_customer(state: &impl State, list: &PrefixList) -> api::ManagedPrefixList {
    api::ManagedPrefixList {
        address_family: Some(list.family.as_str().to_owned()),
        max_entries: i32::try_from(list.max_entries).ok(),
        owner_id: Some(state.account().to_string()),
        prefix_list_arn: Some(state.arn(&format!("prefix-list/{}", list.id))),
        prefix_list_id: Some(list.id.to_string()),
        prefix_list_name: Some(list.name.clone()),
        state: Some(list.state(state.now()).to_owned()),
        state_message: list.failure_at(state.now()).map(str::to_owned),
        tags: Some(tag::shown_always(&list.tags)),
        version: Some(list.shown_version(state.now())),
        ..Default::default()
    }
}

/// A list that AWS manages has neither a version nor a largest number of entries.
fn shown_of_aws(state: &impl State, list: &AwsPrefixList) -> api::ManagedPrefixList {
    let scope = state.scope();
    api::ManagedPrefixList {
        address_family: Some(AddressFamily::Ipv4.as_str().to_owned()),
        owner_id: Some(AWS_OWNER.to_owned()),
        prefix_list_arn: Some(format!(
            "arn:{}:ec2:{}:aws:prefix-list/{}",
            scope.partition, scope.region, list.id
        )),
        prefix_list_id: Some(list.id.to_string()),
        prefix_list_name: Some(list.name.clone()),
        state: Some("create-complete".to_owned()),
        tags: Some(tag::shown_always(&Tags::default())),
        ..Default::default()
    }
}

/// `tag:KEY` and its kin are not in AWS's list of this operation's filters; its clients use them all the same.
static FILTERS: Filters<api::ManagedPrefixList> = Filters {
    tags: Some(|list| list.tags.as_deref().unwrap_or_default()),
    named: &[
        ("owner-id", |list| text(&list.owner_id)),
        ("prefix-list-id", |list| text(&list.prefix_list_id)),
        ("prefix-list-name", |list| text(&list.prefix_list_name)),
    ],
    absent: &[],
};

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeManagedPrefixListsRequest,
) -> Result<api::DescribeManagedPrefixListsResult, ServiceError> {
    let view = ec2.view(context);
    let lists = Listed::selected(&view, input.prefix_list_ids.as_ref())?;
    let mut lists: Vec<_> = lists.iter().map(|list| list.shown(&view)).collect();
    FILTERS.apply(&mut lists, input.filters.as_ref())?;
    let page =
        Page::within("DescribeManagedPrefixLists", input.max_results, input.next_token.as_ref(), PAGE_LIMITS);
    let (lists, next_token) = page.cut(lists, |list| list.prefix_list_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeManagedPrefixListsResult { next_token, prefix_lists: Some(lists) })
}

static FILTERS_OF_AWS: Filters<api::PrefixList> = Filters {
    tags: None,
    named: &[
        ("prefix-list-id", |list| text(&list.prefix_list_id)),
        ("prefix-list-name", |list| text(&list.prefix_list_name)),
    ],
    absent: &[],
};

/// The older operation: it knows the lists that AWS manages, and no others.
fn describe_of_aws(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribePrefixListsRequest,
) -> Result<api::DescribePrefixListsResult, ServiceError> {
    let mut lists = aws_catalog::prefix_lists(&context.region);
    if let Some(ids) = input.prefix_list_ids.as_ref().filter(|ids| !ids.is_empty()) {
        for id in ids {
            let id = parse_id::<PrefixList>(id)?;
            if !lists.iter().any(|list| list.id == id) {
                return Err(not_found::<PrefixList>(id));
            }
        }
        lists.retain(|list| ids.contains(&list.id.to_string()));
    }
    lists.sort_by_key(|list| list.id);
    let mut lists: Vec<_> = lists
        .into_iter()
        .map(|list| api::PrefixList {
            cidrs: Some(list.blocks.iter().map(ToString::to_string).collect()),
            prefix_list_id: Some(list.id.to_string()),
            prefix_list_name: Some(list.name),
        })
        .collect();
    FILTERS_OF_AWS.apply(&mut lists, input.filters.as_ref())?;
    let page =
        Page::capped("DescribePrefixLists", input.max_results, input.next_token.as_ref(), LIMITS_FROM_ONE);
    let (lists, next_token) = page.cut(lists, |list| list.prefix_list_id.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribePrefixListsResult { next_token, prefix_lists: Some(lists) })
}

fn associations(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::GetManagedPrefixListAssociationsRequest,
) -> Result<api::GetManagedPrefixListAssociationsResult, ServiceError> {
    let view = ec2.view(context);
    let list = Listed::named(&view, &input.prefix_list_id)?;
    let account = view.account();
    let is_own = matches!(&list, Listed::OfCustomer(held) if held.owner == account);
    let groups = sharing::of_all::<SecurityGroup>(&view)
        .filter(|(_, group)| group.has_prefix_list(list.id()))
        .map(|(owner, group)| (owner, group.id.to_string()));
    let tables = sharing::of_all::<RouteTable>(&view)
        .filter(|(_, table)| table.has_prefix_list(list.id()))
        .map(|(owner, table)| (owner, table.id.to_string()));
    let of_gateways = sharing::of_all::<TransitGatewayRouteTable>(&view)
        .filter(|(_, table)| table.has_prefix_list(list.id()))
        .map(|(owner, table)| (owner, table.id.to_string()));
    // The owner of a list sees who uses it; all others see their own use.
    let mut associations: Vec<_> = groups
        .chain(tables)
        .chain(of_gateways)
        .filter(|(owner, _)| is_own || *owner == account)
        .map(|(owner, id)| api::PrefixListAssociation {
            resource_id: Some(id),
            resource_owner: Some(owner.to_string()),
        })
        .collect();
    associations.sort_by(|one, other| one.resource_id.cmp(&other.resource_id));
    let page = Page::within(
        "GetManagedPrefixListAssociations",
        input.max_results,
        input.next_token.as_ref(),
        ASSOCIATIONS_PAGE_LIMITS,
    );
    let (associations, next_token) =
        page.cut(associations, |held| held.resource_id.as_deref().unwrap_or_default())?;
    ec2.answer(
        input.dry_run,
        api::GetManagedPrefixListAssociationsResult {
            next_token,
            prefix_list_associations: Some(associations),
        },
    )
}
