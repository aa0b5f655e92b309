//! Reading and writing the records of one account in one region, at one time.
//!
//! Owns how handlers reach the store: [`View`] on a snapshot, [`Edit`] in a transaction, both a [`State`]; and what
//! all resources have in common ([`Resource`]): an id, tags, and the errors for an id that is malformed or unknown.
//! Refuses to know any particular resource.

use std::ops::Bound;
use std::sync::Arc;

use aws_types::{AccountId, Arn, Region, ResourceId, Tags, Timestamp};
use service_api::{IdSource, RequestContext, ServiceError};
use store::{Read, Record, Scope, Snapshot, Transaction};

use crate::Config;
use crate::due::{self, Due, Timed};
use crate::sharing::{self, Owned, Sharing};

/// What AWS calls a kind of resource, in tags and in errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Naming {
    /// The `ResourceType` of tags.
    pub(crate) resource_type: &'static str,
    /// The noun in "The NOUN ID 'x' does not exist".
    pub(crate) noun: &'static str,
    /// The code for an id that no resource has.
    pub(crate) not_found: &'static str,
    /// The code for a text that is not an id of this kind.
    pub(crate) malformed: &'static str,
}

/// A record that stands for an AWS resource with an id and tags, stored under its id.
pub(crate) trait Resource: Record + Clone {
    /// The type of its id.
    type Id: ResourceId;
    /// What AWS calls it.
    const NAMING: Naming;

    /// Its id.
    fn id(&self) -> Self::Id;
    /// Its tags.
    fn tags(&self) -> &Tags;
    /// Its tags, to be changed.
    fn tags_mut(&mut self) -> &mut Tags;

    /// The message for one unknown id.
    fn not_found_message(id: &str) -> String {
        format!("The {} ID '{id}' does not exist", Self::NAMING.noun)
    }

    /// The message for several unknown ids.
    fn none_found_message(ids: &[String]) -> String {
        format!("The {} IDs '{}' do not exist", Self::NAMING.noun, ids.join(", "))
    }

    /// From when on nobody can see the resource any more, once it is known; the record goes then.
    fn ends_at(&self) -> Option<Timestamp> {
        None
    }

    /// The value that a filter of its describe operation finds, where the record tells it without being shown. `None`
    /// where it does not. The filter `KIND-id` finds the id.
    fn attribute(&self, filter: &str) -> Option<String> {
        (filter.strip_suffix("-id") == Some(Self::NAMING.resource_type)).then(|| self.id().to_string())
    }

    /// How other accounts come to see resources of the kind.
    const SHARING: Sharing = Sharing::Never;

    /// Whether an account sees the resource of another one.
    fn is_seen_by(&self, reader: &impl Read, owner: &Scope, account: AccountId) -> bool {
        let _ = (reader, owner, account);
        false
    }

    /// Takes away what its owner alone sees.
    fn hide(&mut self) {
        *self.tags_mut() = Tags::default();
    }

    /// Whether requests can still see the resource at that time.
    fn is_visible(&self, now: Timestamp) -> bool {
        self.ends_at().is_none_or(|ends_at| now < ends_at)
    }

    /// What is to be done about it, and when.
    fn due(&self) -> Option<Due> {
        self.ends_at().map(Due::End)
    }
}

/// Implements [`Record`] and [`Resource`] for a struct with the fields `id` and `tags`. The kind is followed by its version
/// where that was raised ([`Record::VERSION`]; an older form that decodes as it is needs nothing else), and by `in` and a
/// field where that field tells what the record is part of, or by `of` and a method where that tells it, if it is a part.
macro_rules! resource {
    (
        $record:ty, $id:ty, $kind:literal $(version $version:literal)? $(in $whole:ident)? $(of $holder:ident)?,
        $naming:expr
        $(, $extra:item)*
    ) => {
        impl store::Record for $record {
            const KIND: &'static str = $kind;
            $(const VERSION: u32 = $version;)?
            $(
                const HAS_WHOLE: bool = true;

                fn whole(&self) -> Option<String> {
                    Some(self.$whole.to_string())
                }
            )?
            $(
                const HAS_WHOLE: bool = true;

                fn whole(&self) -> Option<String> {
                    self.$holder().map(|holder| holder.to_string())
                }
            )?
        }

        impl crate::state::Resource for $record {
            type Id = $id;
            const NAMING: crate::state::Naming = $naming;

            fn id(&self) -> $id {
                self.id
            }

            fn tags(&self) -> &aws_types::Tags {
                &self.tags
            }

            fn tags_mut(&mut self) -> &mut aws_types::Tags {
                &mut self.tags
            }

            $($extra)*
        }
    };
}
pub(crate) use resource;

/// How many digits ids had before 2016; such ids are well formed, and none of ours has one.
const OLD_ID_DIGITS: usize = 8;

/// Reads an id, or tells why it names nothing.
///
/// # Errors
/// The resource's malformed code; its not-found code for an id in the form of before 2016.
pub(crate) fn parse_id<R: Resource>(text: &str) -> Result<R::Id, ServiceError> {
    text.parse().map_err(|error| {
        let digits = text.strip_prefix(R::Id::PREFIX).and_then(|rest| rest.strip_prefix('-'));
        let is_old = digits.is_some_and(|digits| {
            digits.len() == OLD_ID_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if is_old {
            not_found::<R>(text)
        } else {
            ServiceError::new(R::NAMING.malformed, aws_types::ParseIdError::to_string(&error))
        }
    })
}

/// The error for an id that no resource has.
pub(crate) fn not_found<R: Resource>(id: impl ToString) -> ServiceError {
    ServiceError::new(R::NAMING.not_found, R::not_found_message(&id.to_string()))
}

/// No account: its part of a region, or of the whole cloud, has what all accounts share there.
pub(crate) fn nobody() -> AccountId {
    "000000000000".parse().expect("twelve digits")
}

/// The records of one account in one region, to be read.
pub(crate) trait State {
    /// Where the records are.
    type Reader: Read;

    /// Where the records are.
    fn reader(&self) -> &Self::Reader;
    /// Whose they are.
    fn scope(&self) -> &Scope;
    /// The time of the request.
    fn now(&self) -> Timestamp;

    /// The region.
    fn region(&self) -> &Region {
        &self.scope().region
    }

    /// The account that owns everything here.
    fn account(&self) -> AccountId {
        self.scope().account
    }

    /// Whether an account is not closed: others have nothing of what a closed one lets them use.
    fn is_open(&self, account: AccountId) -> bool {
        identities::is_reachable(self.reader(), self.scope().partition, account)
    }

    /// The part of an account in the region.
    fn part_of(&self, account: AccountId) -> Scope {
        Scope::new(self.scope().partition, account, self.region().clone())
    }

    /// The ARN of a resource of this account and region, such as `subnet/subnet-…`.
    fn arn(&self, resource: &str) -> String {
        let scope = self.scope();
        Arn::new(scope.partition, "ec2", &scope.region, scope.account, resource).as_str().to_owned()
    }

    /// One record.
    fn record<R: Record>(&self, id: &str) -> Option<Arc<R>> {
        self.reader().get(self.scope(), id)
    }

    /// One resource of this account's.
    fn own<R: Resource>(&self, id: R::Id) -> Option<Arc<R>> {
        self.record::<R>(&id.to_string()).filter(|resource| resource.is_visible(self.now()))
    }

    /// One resource, whosever it is, and its owner.
    fn anyones<R: Resource>(&self, id: R::Id) -> Option<(AccountId, Arc<R>)> {
        if let Some(own) = self.own::<R>(id) {
            return Some((self.account(), own));
        }
        if R::SHARING == Sharing::Never {
            return None;
        }
        let (here, id) = (self.scope(), id.to_string());
        let mut others = resource_shares::related(self.reader(), here).into_iter();
        others.find_map(|account| {
            let found = self.reader().get::<R>(&self.part_of(account), &id)?;
            found.is_visible(self.now()).then_some((account, found))
        })
    }

    /// One resource, by an id that was read before: what is in a shared VPC stays there when that is shared no more.
    fn find<R: Resource>(&self, id: R::Id) -> Option<Arc<R>> {
        self.anyones::<R>(id).map(|(_, resource)| resource)
    }

    /// One resource that this account sees, with its owner.
    fn seen<R: Resource>(&self, id: R::Id) -> Option<Owned<R>> {
        let (owner, resource) = self.anyones::<R>(id)?;
        self.is_seen(owner, &*resource).then(|| self.owned(owner, resource))
    }

    /// Whether this account sees a resource that is its own or another's.
    fn is_seen<R: Resource>(&self, owner: AccountId, resource: &R) -> bool {
        if owner == self.account() {
            return true;
        }
        let scope = self.part_of(owner);
        resource.is_seen_by(self.reader(), &scope, self.account())
    }

    /// A resource as this account sees it.
    fn owned<R: Resource>(&self, owner: AccountId, mut resource: Arc<R>) -> Owned<R> {
        if owner != self.account() {
            Arc::make_mut(&mut resource).hide();
        }
        Owned { owner, resource }
    }

    /// One resource, to be changed, by an id that another record holds.
    fn held<R: Resource>(&self, id: R::Id) -> Result<R, ServiceError> {
        self.find::<R>(id).map(Arc::unwrap_or_clone).ok_or_else(|| not_found::<R>(id))
    }

    /// One resource of this account's, by an id as a request has it.
    ///
    /// # Errors
    /// The resource's codes for malformed and unknown ids; `UnauthorizedOperation` for what another account shares.
    fn named<R: Resource>(&self, text: &str) -> Result<Arc<R>, ServiceError> {
        let held = self.usable::<R>(text)?;
        if held.owner == self.account() { Ok(held.resource) } else { Err(sharing::not_owned::<R>()) }
    }

    /// One resource that this account sees, by an id as a request has it, for what is allowed to others than its owner.
    ///
    /// # Errors
    /// The resource's codes for malformed and unknown ids.
    fn usable<R: Resource>(&self, text: &str) -> Result<Owned<R>, ServiceError> {
        self.seen::<R>(parse_id::<R>(text)?).ok_or_else(|| not_found::<R>(text))
    }

    /// All visible resources of a kind, in order of their ids.
    fn all<'a, R: Resource>(&'a self) -> impl Iterator<Item = Arc<R>> + 'a {
        let now = self.now();
        self.reader()
            .scan::<R>(self.scope())
            .map(|(_, resource)| resource)
            .filter(move |resource| resource.is_visible(now))
    }

    /// The visible resources of a kind that are part of one of this account's, such as the subnets of a VPC, in order of
    /// their ids.
    fn parts<'a, R: Resource, W: ResourceId>(
        &'a self,
        whole: W,
    ) -> impl Iterator<Item = Arc<R>> + use<'a, Self, R, W> {
        let now = self.now();
        self.reader()
            .parts::<R>(self.scope(), &whole.to_string())
            .map(|(_, resource)| resource)
            .filter(move |resource| resource.is_visible(now))
    }

    /// All visible resources of a kind that this account owns.
    fn all_own<'a, R: Resource>(&'a self) -> impl Iterator<Item = Owned<R>> + 'a {
        let owner = self.account();
        self.all::<R>().map(move |resource| Owned { owner, resource })
    }

    /// The resources of a kind that this account sees of others. That it has nothing to do with others is one look-up.
    fn others_seen<R: Resource>(&self) -> Vec<Owned<R>> {
        if R::SHARING == Sharing::Never {
            return Vec::new();
        }
        let others = sharing::of_all::<R>(self).filter(|(owner, _)| *owner != self.account());
        let seen = others.filter(|(owner, resource)| self.is_seen(*owner, &**resource));
        seen.map(|(owner, resource)| self.owned(owner, resource)).collect()
    }

    /// The visible resources of a kind whose ids follow that one, in order of their ids.
    fn after<'a, R: Resource>(&'a self, id: Option<&str>) -> impl Iterator<Item = Arc<R>> + use<'a, Self, R> {
        let now = self.now();
        self.reader()
            .scan_from::<R>(self.scope(), id.map_or(Bound::Unbounded, Bound::Excluded))
            .map(|(_, resource)| resource)
            .filter(move |resource| resource.is_visible(now))
    }

    /// How many records of a kind there are, visible or not.
    fn count<R: Resource>(&self) -> usize {
        self.reader().count::<R>(self.scope())
    }

    /// The resources that a describe operation is about: those named, or all when none is; of kinds that other accounts
    /// never see.
    ///
    /// # Errors
    /// The first malformed id, or all unknown ones.
    fn selected<R: Resource>(&self, ids: Option<&Vec<String>>) -> Result<Vec<Arc<R>>, ServiceError> {
        debug_assert_eq!(R::SHARING, Sharing::Never);
        Ok(self.all_seen::<R>(ids)?.into_iter().map(|held| held.resource).collect())
    }

    /// The resources that a describe operation is about, with their owners: those named, or all that this account sees
    /// when none is. In order of their ids.
    ///
    /// # Errors
    /// The first malformed id, or all unknown ones.
    fn all_seen<R: Resource>(&self, ids: Option<&Vec<String>>) -> Result<Vec<Owned<R>>, ServiceError> {
        let Some(ids) = ids.filter(|ids| !ids.is_empty()) else {
            let mut all: Vec<_> = self.all_own::<R>().collect();
            let others = self.others_seen::<R>();
            if !others.is_empty() {
                all.extend(others);
                all.sort_by_key(|held| held.resource.id());
            }
            return Ok(all);
        };
        let mut found = std::collections::BTreeMap::new();
        let mut unknown = Vec::new();
        for text in ids {
            let id = match parse_id::<R>(text) {
                Ok(id) => id,
                Err(error) if error.code == R::NAMING.not_found => {
                    unknown.push(text.clone());
                    continue;
                }
                Err(error) => return Err(error),
            };
            match self.seen::<R>(id) {
                Some(held) => _ = found.insert(id, held),
                None => unknown.push(text.clone()),
            }
        }
        match &unknown[..] {
            [] => Ok(found.into_values().collect()),
            [one] => Err(not_found::<R>(one)),
            several => Err(ServiceError::new(R::NAMING.not_found, R::none_found_message(several))),
        }
    }
}

/// The records as of a snapshot.
pub(crate) struct View {
    snapshot: Snapshot,
    scope: Scope,
    now: Timestamp,
}

impl View {
    pub(crate) fn new(snapshot: Snapshot, context: &RequestContext) -> Self {
        Self::of(snapshot, context.scope(), context.now)
    }

    /// The account's part of the region that a scope names.
    pub(crate) fn of(snapshot: Snapshot, scope: Scope, now: Timestamp) -> Self {
        Self { snapshot, scope, now }
    }

    /// The same moment in the part of another account or region.
    pub(crate) fn elsewhere(&self, account: AccountId, region: Region) -> Self {
        let scope = Scope::new(self.scope.partition, account, region);
        Self { snapshot: self.snapshot.clone(), scope, now: self.now }
    }

    /// The same moment in the same region as the owner of a resource sees it.
    pub(crate) fn of_owner(&self, owner: AccountId) -> Self {
        self.elsewhere(owner, self.scope.region.clone())
    }
}

impl State for View {
    type Reader = Snapshot;

    fn reader(&self) -> &Snapshot {
        &self.snapshot
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}

/// The records inside a transaction, to be read and changed.
pub(crate) struct Edit<'a> {
    transaction: &'a mut Transaction,
    ids: &'a dyn IdSource,
    pub(crate) config: &'a Config,
    scope: Scope,
    now: Timestamp,
}

impl<'a> Edit<'a> {
    pub(crate) fn new(
        transaction: &'a mut Transaction,
        ids: &'a dyn IdSource,
        config: &'a Config,
        scope: Scope,
        now: Timestamp,
    ) -> Self {
        Self { transaction, ids, config, scope, now }
    }

    /// Writes a resource, new or changed.
    pub(crate) fn put<R: Resource>(&mut self, resource: R) {
        let id = resource.id().to_string();
        self.put_timed(&id, resource);
    }

    /// Writes a record that knows when something is due about it.
    pub(crate) fn put_timed<R: Timed>(&mut self, id: &str, record: R) {
        due::schedule::<R>(self, id, record.due());
        self.transaction.put(&self.scope, id, record);
    }

    /// Writes a record that is not a resource.
    pub(crate) fn put_record<R: Record>(&mut self, id: &str, record: R) {
        self.transaction.put(&self.scope, id, record);
    }

    /// Removes a resource.
    pub(crate) fn remove<R: Resource>(&mut self, id: R::Id) {
        self.remove_timed::<R>(&id.to_string());
    }

    /// Removes a record that knows when something is due about it.
    pub(crate) fn remove_timed<R: Timed>(&mut self, id: &str) {
        due::schedule::<R>(self, id, None);
        self.transaction.delete::<R>(&self.scope, id);
    }

    /// Removes a record that is not a resource.
    pub(crate) fn remove_record<R: Record>(&mut self, id: &str) {
        self.transaction.delete::<R>(&self.scope, id);
    }

    /// A fresh id.
    pub(crate) fn new_id<I: ResourceId>(&self) -> I {
        I::from_bits(self.ids.bits())
    }

    /// Random bits.
    pub(crate) fn new_bits(&self) -> u128 {
        self.ids.bits()
    }

    /// The same transaction in the part of another account or region, for what concerns both.
    pub(crate) fn elsewhere(&mut self, account: AccountId, region: Region) -> Edit<'_> {
        let scope = Scope::new(self.scope.partition, account, region);
        Edit { transaction: self.transaction, ids: self.ids, config: self.config, scope, now: self.now }
    }

    /// The same transaction in the part of the owner of a resource of the region.
    pub(crate) fn of_owner(&mut self, owner: AccountId) -> Edit<'_> {
        let region = self.scope.region.clone();
        self.elsewhere(owner, region)
    }

    /// The same transaction in the part of the whole cloud.
    pub(crate) fn whole_cloud(&mut self) -> Edit<'_> {
        let scope = Scope::global(self.scope.partition, nobody());
        Edit { transaction: self.transaction, ids: self.ids, config: self.config, scope, now: self.now }
    }

    /// The transaction and the whole cloud's scope, for what is unique over all accounts and regions.
    pub(crate) fn cloud(&mut self) -> (&mut Transaction, Scope) {
        (self.transaction, Scope::global(self.scope.partition, nobody()))
    }
}

impl State for Edit<'_> {
    type Reader = Transaction;

    fn reader(&self) -> &Transaction {
        self.transaction
    }

    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn now(&self) -> Timestamp {
        self.now
    }
}
