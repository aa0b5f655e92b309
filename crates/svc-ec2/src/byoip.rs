//! Address ranges that accounts bring along: ProvisionByoipCidr, DescribeByoipCidrs, AdvertiseByoipCidr,
//! WithdrawByoipCidr, DeprovisionByoipCidr.
//!
//! Owns which ranges can be brought, and what becomes of them over time. The pools that they become are in [`pool`],
//! what proves that a range is the account's in [`authorization`]. Refuses to know what is made of a range's addresses.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-byoip.html>

mod authorization;
pub(crate) mod pool;

use aws_api::ec2::{self as api, operation as op};
use aws_types::{Ipv6PoolId, PublicIpv4PoolId, ResourceId, Timestamp};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, RecordKind};
use vpc_model::vpc::overlap;

use self::pool::{AddressPool, Ipv6Pool, PublicIpv4Pool};
use crate::due::{Due, Timed};
use crate::elastic_ip::public_pool::blocks as public_blocks;
use crate::page::Page;
use crate::state::{Edit, State};
use crate::{Ec2, error, pace, quota, tag, zone};

/// The last that was asked for with a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ByoipPhase {
    /// It was brought.
    Provisioned,
    /// It is to be advertised.
    Advertised,
    /// It is to be advertised no more.
    Withdrawn,
    /// It was to go while something had addresses of it.
    DeprovisionFailed,
    /// It is to go.
    Deprovisioned,
}

/// What became of a range.
///
/// ```text
/// pending-provision ──> provisioned ──advertise──> pending-advertising ──> advertised
///                       provisioned <── pending-withdrawal <──withdraw──┘
///                       provisioned ──deprovision──> pending-deprovision ──> deprovisioned ──1 h──> not shown
///                                                    pending-deprovision ──> failed-deprovision (it is used)
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provisioning {
    /// What the account says of it.
    pub description: Option<String>,
    /// Whether it can be advertised to the internet.
    pub is_advertisable: bool,
    /// The last that was asked for.
    pub phase: ByoipPhase,
    /// When that is done.
    pub done_at: Timestamp,
}

/// The state of a range at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ByoipState {
    PendingProvision,
    Provisioned,
    ProvisionedNotPubliclyAdvertisable,
    PendingAdvertising,
    Advertised,
    PendingWithdrawal,
    PendingDeprovision,
    FailedDeprovision,
    Deprovisioned,
}

impl ByoipState {
    /// As answers print it.
    fn as_str(self) -> &'static str {
        match self {
            Self::PendingProvision => "pending-provision",
            Self::Provisioned => "provisioned",
            Self::ProvisionedNotPubliclyAdvertisable => "provisioned-not-publicly-advertisable",
            Self::PendingAdvertising => "pending-advertising",
            Self::Advertised => "advertised",
            Self::PendingWithdrawal => "pending-withdrawal",
            Self::PendingDeprovision => "pending-deprovision",
            Self::FailedDeprovision => "failed-deprovision",
            Self::Deprovisioned => "deprovisioned",
        }
    }
}

impl Provisioning {
    fn state(&self, now: Timestamp) -> ByoipState {
        use ByoipState as S;
        match (self.phase, now < self.done_at) {
            (ByoipPhase::Provisioned, true) => S::PendingProvision,
            (ByoipPhase::Provisioned, false) if !self.is_advertisable => {
                S::ProvisionedNotPubliclyAdvertisable
            }
            (ByoipPhase::Provisioned | ByoipPhase::Withdrawn, false) => S::Provisioned,
            (ByoipPhase::Advertised, true) => S::PendingAdvertising,
            (ByoipPhase::Advertised, false) => S::Advertised,
            (ByoipPhase::Withdrawn, true) => S::PendingWithdrawal,
            (ByoipPhase::DeprovisionFailed | ByoipPhase::Deprovisioned, true) => S::PendingDeprovision,
            (ByoipPhase::DeprovisionFailed, false) => S::FailedDeprovision,
            (ByoipPhase::Deprovisioned, false) => S::Deprovisioned,
        }
    }

    /// Whether there is a pool of its addresses.
    fn has_pool(&self, now: Timestamp) -> bool {
        !matches!(self.state(now), ByoipState::PendingProvision | ByoipState::Deprovisioned)
    }

    /// Whether addresses of it can be given.
    fn is_usable(&self, now: Timestamp) -> bool {
        self.has_pool(now) && self.state(now) != ByoipState::PendingDeprovision
    }

    fn is_gone(&self, now: Timestamp) -> bool {
        self.state(now) == ByoipState::Deprovisioned
    }

    /// From when on it is not shown.
    fn ends_at(&self) -> Option<Timestamp> {
        let is_going = self.phase == ByoipPhase::Deprovisioned;
        is_going.then(|| self.done_at.plus_millis(pace::SHOWN_AFTER_DELETION_MILLIS))
    }
}

/// A range that some account has brought. Stored under the id of its pool in the part of the whole cloud, because a range
/// is in one place only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BroughtRange {
    pub(crate) block: IpNet,
    /// From when on another account or region can bring it.
    free_from: Option<Timestamp>,
}

impl Record for BroughtRange {
    const KIND: &'static str = "ec2.brought-range";
}

impl Timed for BroughtRange {
    fn due(&self) -> Option<Due> {
        self.free_from.map(Due::End)
    }
}

/// The kinds of records that are written here alone.
pub(crate) const RECORDS: &[RecordKind] = &[RecordKind::of::<BroughtRange>()];

/// The most specific ranges that can be brought.
const LONGEST_IPV4_PREFIX: u8 = 24;
const LONGEST_IPV6_PREFIX: u8 = 48;
/// The same for a range that is not advertised.
const LONGEST_PRIVATE_IPV6_PREFIX: u8 = 56;

/// What nobody can bring: addresses that are not routed on the internet, and those that this cloud gives.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry/>
const NOBODYS: [&str; 11] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "224.0.0.0/3",
    "3fff::/20",
    "2002::/16",
];
/// All IPv6 addresses that are routed on the internet.
const GLOBAL_UNICAST: &str = "2000::/3";

pub(crate) fn operations(table: Operations<Ec2>) -> Operations<Ec2> {
    let table = table
        .with::<op::ProvisionByoipCidr>(provision)
        .with::<op::DescribeByoipCidrs>(describe)
        .with::<op::AdvertiseByoipCidr>(advertise)
        .with::<op::WithdrawByoipCidr>(withdraw)
        .with::<op::DeprovisionByoipCidr>(deprovision);
    pool::operations(table)
}

fn invalid(text: &str, why: &str) -> ServiceError {
    error::invalid_value_for(text, "cidr", why)
}

fn block(text: &str) -> IpNet {
    text.parse().expect("the blocks in this file are written correctly")
}

fn parse(text: &str) -> Result<IpNet, ServiceError> {
    let parsed: IpNet = text.parse().map_err(|_| invalid(text, "This is not a valid CIDR block."))?;
    if parsed != parsed.trunc() {
        return Err(invalid(text, "The address range has to begin with its first address."));
    }
    Ok(parsed)
}

/// Checks that a range is one that an account can have on the internet.
fn check_range(text: &str, range: IpNet, is_advertisable: bool) -> Result<(), ServiceError> {
    let longest = match range {
        IpNet::V4(_) => LONGEST_IPV4_PREFIX,
        IpNet::V6(_) if is_advertisable => LONGEST_IPV6_PREFIX,
        IpNet::V6(_) => LONGEST_PRIVATE_IPV6_PREFIX,
    };
    if range.prefix_len() > longest {
        return Err(invalid(text, &format!("The most specific address range is a /{longest}.")));
    }
    let is_routed = !NOBODYS.iter().any(|other| overlap(block(other), range))
        && (matches!(range, IpNet::V4(_)) || block(GLOBAL_UNICAST).contains(&range));
    if is_routed { Ok(()) } else { Err(invalid(text, "The addresses are not publicly routable.")) }
}

/// AWS publishes the message of a range too many, and not the errors of one that cannot be brought.
fn provision(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::ProvisionByoipCidrRequest,
) -> Result<api::ProvisionByoipCidrResult, ServiceError> {
    if input.multi_region == Some(true) {
        return Err(error::unsupported("Address ranges in several regions are not supported."));
    }
    let is_advertisable = input.publicly_advertisable != Some(false);
    let range = parse(&input.cidr)?;
    if matches!(range, IpNet::V4(_)) && !is_advertisable {
        return Err(error::combination("Only an IPv6 address range can be one that is not advertised."));
    }
    check_range(&input.cidr, range, is_advertisable)?;
    zone::check_border_group(&context.region, input.network_border_group.as_deref())?;
    authorization::check(context, input.cidr_authorization_context.as_ref(), range)?;
    let resource_type = match range {
        IpNet::V4(_) => PublicIpv4PoolId::PREFIX,
        IpNet::V6(_) => Ipv6PoolId::PREFIX,
    };
    let tags = tag::specified(input.pool_tag_specifications.as_ref(), resource_type)?;
    ec2.edit(context, input.dry_run, |edit| {
        let provisioning = Provisioning {
            description: input.description.clone(),
            is_advertisable,
            phase: ByoipPhase::Provisioned,
            done_at: pace::BYOIP_PROVISIONING.done_at(edit),
        };
        let count = held::<PublicIpv4Pool>(edit) + held::<Ipv6Pool>(edit);
        quota::BYOIP_CIDRS_PER_REGION.check(edit, count + 1)?;
        let byoip_cidr = match range {
            IpNet::V4(block) => {
                let id = edit.new_id();
                bring(edit, PublicIpv4Pool { id, block, provisioning, tags })
            }
            IpNet::V6(block) => {
                let id = edit.new_id();
                bring(edit, Ipv6Pool { id, block, provisioning, tags })
            }
        }?;
        Ok(api::ProvisionByoipCidrResult { byoip_cidr: Some(byoip_cidr) })
    })
}

/// How many ranges of a kind are not gone.
fn held<P: AddressPool>(edit: &Edit<'_>) -> usize {
    let now = edit.now();
    edit.reader().scan::<P>(edit.scope()).filter(|(_, pool)| !pool.provisioning().is_gone(now)).count()
}

/// Makes the pool of a range that nobody in the cloud has any part of.
fn bring<P: AddressPool>(edit: &mut Edit<'_>, pool: P) -> Result<api::ByoipCidr, ServiceError> {
    let (now, range) = (edit.now(), pool.block());
    let old: Vec<P::Id> = edit
        .reader()
        .scan::<P>(edit.scope())
        .filter(|(_, held)| held.provisioning().is_gone(now) && held.block() == range)
        .map(|(_, held)| held.id())
        .collect();
    old.into_iter().for_each(|id| edit.remove::<P>(id));
    let mut cloud = edit.whole_cloud();
    let is_taken = |held: &BroughtRange| {
        held.free_from.is_none_or(|free_from| now < free_from) && overlap(held.block, range)
    };
    if cloud.reader().scan::<BroughtRange>(cloud.scope()).any(|(_, held)| is_taken(&held)) {
        let why = "It overlaps an address range that has been brought already.";
        return Err(invalid(&range.to_string(), why));
    }
    if public_blocks(cloud.reader()).iter().any(|(_, given)| overlap(IpNet::V4(*given), range)) {
        let why = "The addresses are not publicly routable.";
        return Err(invalid(&range.to_string(), why));
    }
    cloud.put_timed(&pool.id().to_string(), BroughtRange { block: range, free_from: None });
    let shown = shown(edit, &pool);
    edit.put(pool);
    Ok(shown)
}

/// A range as answers have it.
fn shown<P: AddressPool>(state: &impl State, pool: &P) -> api::ByoipCidr {
    let provisioning = pool.provisioning();
    let pool_id = Some(pool.id().to_string()).filter(|_| provisioning.has_pool(state.now()));
    let now_in = provisioning.state(state.now());
    let status_message = if now_in == ByoipState::FailedDeprovision {
        Some("Addresses of the range are in use.".to_owned())
    } else {
        pool_id.clone()
    };
    api::ByoipCidr {
        cidr: Some(pool.block().to_string()),
        description: provisioning.description.clone(),
        network_border_group: Some(state.region().to_string()),
        pool_id,
        state: Some(now_in.as_str().to_owned()),
        status_message,
        ..Default::default()
    }
}

fn wrong_state(pool: &impl AddressPool, now: Timestamp) -> ServiceError {
    let state = pool.provisioning().state(now).as_str();
    ServiceError::new(
        "IncorrectState",
        format!("The address range {} is in the state {state}.", pool.block()),
    )
}

/// Changes the pool of a range that a request names exactly.
fn change<P: AddressPool>(
    edit: &mut Edit<'_>,
    range: IpNet,
    change: impl FnOnce(&mut Edit<'_>, &mut P) -> Result<(), ServiceError>,
) -> Result<api::ByoipCidr, ServiceError> {
    let now = edit.now();
    let found = edit
        .reader()
        .scan::<P>(edit.scope())
        .map(|(_, pool)| pool)
        .find(|pool| pool.block() == range && !pool.provisioning().is_gone(now));
    let found = found.ok_or_else(|| invalid(&range.to_string(), "There is no such address range."))?;
    let mut pool = P::clone(&found);
    change(edit, &mut pool)?;
    let shown = shown(edit, &pool);
    edit.put(pool);
    Ok(shown)
}

fn to_advertised<P: AddressPool>(edit: &mut Edit<'_>, pool: &mut P) -> Result<(), ServiceError> {
    let settled = [ByoipState::Provisioned, ByoipState::FailedDeprovision];
    if !settled.contains(&pool.provisioning().state(edit.now())) || !pool.provisioning().is_advertisable {
        return Err(wrong_state(pool, edit.now()));
    }
    let held = pool.provisioning_mut();
    (held.phase, held.done_at) = (ByoipPhase::Advertised, pace::BYOIP_ADVERTISEMENT.done_at(edit));
    Ok(())
}

fn advertise(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::AdvertiseByoipCidrRequest,
) -> Result<api::AdvertiseByoipCidrResult, ServiceError> {
    if input.asn.is_some() {
        return Err(error::unsupported("ASNs of one's own are not supported."));
    }
    zone::check_border_group(&context.region, input.network_border_group.as_deref())?;
    let range = parse(&input.cidr)?;
    ec2.edit(context, input.dry_run, |edit| {
        let byoip_cidr = match range {
            IpNet::V4(_) => change::<PublicIpv4Pool>(edit, range, to_advertised),
            IpNet::V6(_) => change::<Ipv6Pool>(edit, range, to_advertised),
        }?;
        Ok(api::AdvertiseByoipCidrResult { byoip_cidr: Some(byoip_cidr) })
    })
}

fn to_withdrawn<P: AddressPool>(edit: &mut Edit<'_>, pool: &mut P) -> Result<(), ServiceError> {
    if pool.provisioning().state(edit.now()) != ByoipState::Advertised {
        return Err(wrong_state(pool, edit.now()));
    }
    let held = pool.provisioning_mut();
    (held.phase, held.done_at) = (ByoipPhase::Withdrawn, pace::BYOIP_ADVERTISEMENT.done_at(edit));
    Ok(())
}

fn withdraw(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::WithdrawByoipCidrRequest,
) -> Result<api::WithdrawByoipCidrResult, ServiceError> {
    let range = parse(&input.cidr)?;
    ec2.edit(context, input.dry_run, |edit| {
        let byoip_cidr = match range {
            IpNet::V4(_) => change::<PublicIpv4Pool>(edit, range, to_withdrawn),
            IpNet::V6(_) => change::<Ipv6Pool>(edit, range, to_withdrawn),
        }?;
        Ok(api::WithdrawByoipCidrResult { byoip_cidr: Some(byoip_cidr) })
    })
}

/// A range of which something has addresses is not refused: it ends as `failed-deprovision`, as on AWS.
fn to_deprovisioned<P: AddressPool>(edit: &mut Edit<'_>, pool: &mut P) -> Result<(), ServiceError> {
    let settled = [
        ByoipState::Provisioned,
        ByoipState::ProvisionedNotPubliclyAdvertisable,
        ByoipState::FailedDeprovision,
    ];
    if !settled.contains(&pool.provisioning().state(edit.now())) {
        return Err(wrong_state(pool, edit.now()));
    }
    let done_at = pace::BYOIP_PROVISIONING.done_at(edit);
    let is_used = pool.is_used(edit);
    let held = pool.provisioning_mut();
    held.phase = if is_used { ByoipPhase::DeprovisionFailed } else { ByoipPhase::Deprovisioned };
    held.done_at = done_at;
    if !is_used {
        let freed = BroughtRange { block: pool.block(), free_from: Some(done_at) };
        edit.whole_cloud().put_timed(&pool.id().to_string(), freed);
    }
    Ok(())
}

fn deprovision(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DeprovisionByoipCidrRequest,
) -> Result<api::DeprovisionByoipCidrResult, ServiceError> {
    let range = parse(&input.cidr)?;
    ec2.edit(context, input.dry_run, |edit| {
        let byoip_cidr = match range {
            IpNet::V4(_) => change::<PublicIpv4Pool>(edit, range, to_deprovisioned),
            IpNet::V6(_) => change::<Ipv6Pool>(edit, range, to_deprovisioned),
        }?;
        Ok(api::DeprovisionByoipCidrResult { byoip_cidr: Some(byoip_cidr) })
    })
}

fn all_shown<P: AddressPool>(state: &impl State) -> Vec<api::ByoipCidr> {
    let now = state.now();
    let is_shown = |held: &Provisioning| held.ends_at().is_none_or(|ends_at| now < ends_at);
    let pools = state.reader().scan::<P>(state.scope()).map(|(_, pool)| pool);
    pools.filter(|pool| is_shown(pool.provisioning())).map(|pool| shown(state, &*pool)).collect()
}

fn describe(
    ec2: &Ec2,
    context: &RequestContext,
    input: api::DescribeByoipCidrsRequest,
) -> Result<api::DescribeByoipCidrsResult, ServiceError> {
    let view = ec2.view(context);
    let mut ranges = all_shown::<PublicIpv4Pool>(&view);
    ranges.extend(all_shown::<Ipv6Pool>(&view));
    ranges.sort_by(|one, other| one.cidr.cmp(&other.cidr));
    let page =
        Page::within("DescribeByoipCidrs", Some(input.max_results), input.next_token.as_ref(), (1, 100));
    let (ranges, next_token) = page.cut(ranges, |range| range.cidr.as_deref().unwrap_or_default())?;
    ec2.answer(input.dry_run, api::DescribeByoipCidrsResult { byoip_cidrs: Some(ranges), next_token })
}
