//! Whether a request may be made.
//!
//! Owns which policies have a say in a request, the global condition keys, the words of a denial, and the memory of the latest
//! ones. Refuses to know what policies mean (`iam-policy`), which resources a request touches (its service tells), and who
//! signed it (authentication has found that).
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>

mod denials;
mod keys;
mod message;
mod of_service;
mod read_policies;
mod standing;
mod subject;

use std::collections::HashMap;
use std::sync::Arc;

use aws_types::{AccountId, Partition, Region, Timestamp};
use iam_policy::{
    Attached, Caller, Context, Decision, Policies, Policy, Request, ResourceRule, access_denied_message,
    evaluate, explain,
};
use organization::PolicyType;
use service_api::{NeededPermission, Principal, RequestContext, RequestId, Sharing, TargetResource};
use store::{Snapshot, Store};

pub use denials::{DENIAL_BYTES_MAX, DENIALS_BYTES_MAX, DENIALS_KEPT, Denial};
pub use subject::caller_of;

use crate::denials::Denials;
use crate::read_policies::{ReadPolicies, ResourcePolicies};
use crate::standing::{Limits, Standing};
use crate::subject::Subject;

/// What an action that is about no resource is about.
const ANY: &str = "*";

/// How much of a request a denial keeps and seals, in bytes of its resource and of its condition keys' values. Of a longer
/// one nothing is remembered, and the message has the resource's beginning alone: nobody who may do nothing can fill
/// the memory with what it is denied.
const TOLD_BYTES_MAX: usize = 16 << 10;
/// How much of a resource's ARN a message shows.
const SHOWN_BYTES_MAX: usize = 2 << 10;

/// Keeps what a decision says from everybody but those who may decode it.
pub trait MessageSealer: Send + Sync + 'static {
    /// Seals a message for an account.
    fn seal(&self, account: AccountId, message: &str) -> String;
}

/// Decides about requests.
pub struct Authorization {
    store: Store,
    sealer: Box<dyn MessageSealer>,
    denials: Denials,
    read_policies: ReadPolicies,
}

/// What the caller of a denied request is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// In AWS's words.
    pub message: String,
    /// The decision, sealed.
    pub encoded: String,
}

impl Authorization {
    /// Decides by the policies in this store.
    pub fn new(store: Store, sealer: impl MessageSealer) -> Self {
        Self {
            store,
            sealer: Box::new(sealer),
            denials: Denials::default(),
            read_policies: ReadPolicies::default(),
        }
    }

    /// Decides about a request to an operation of a service (by the name of its model) that needs these permissions, each
    /// on all of its resources. `None`: nobody knows what it needs, so that it is for root users alone.
    ///
    /// # Errors
    /// The first that it lacks.
    pub fn decide(
        &self,
        request: &RequestContext,
        service: &str,
        operation: &str,
        needed: Option<&[NeededPermission]>,
    ) -> Result<(), Refusal> {
        if needed.is_some_and(<[_]>::is_empty) {
            return Ok(());
        }
        let snapshot = self.store.snapshot();
        let subject = Subject::of(&snapshot, request, &self.read_policies);
        let asked = Asked::of(request, service, operation, &subject, &snapshot);
        let question = Question { asked: &asked, principal: &request.principal, caller: &subject.caller };
        let keys = keys::of_request(request, service, &subject);
        let own = subject.policies();
        let Some(needed) = needed else {
            let own = Policies { identity: Vec::new(), ..own };
            return self.check(&question, &own, &format!("{service}:{operation}"), ANY, &keys);
        };
        let (any, mut owners) = (TargetResource::all(), HashMap::new());
        let mut policies = ResourcePolicies::default();
        for permission in needed {
            let mut keys = keys.clone();
            set_all(&mut keys, &permission.keys);
            // What is said of the request is the same for all of its resources, of which there may be many.
            let keys = Arc::new(keys);
            if permission.resources.is_empty() {
                // Nobody would be asked about it, which is not the same as that everybody may.
                tracing::error!(service, operation, action = %permission.action, "a permission is needed on nothing; it is denied");
                let nothing = nothing();
                let policy = Attached { name: "a permission on nothing", owner: "", policy: &nothing };
                let nobody = Policies { resource: Some(policy), ..own.clone() };
                return self.check(&question, &nobody, &permission.action, ANY, &keys);
            }
            for resource in &permission.resources {
                if *resource == any {
                    self.check(&question, &own, &permission.action, ANY, &keys)?;
                } else {
                    let account = resource.owner.unwrap_or(asked.account);
                    let owner = Owner::among(&mut owners, &asked, account);
                    let policy = resource.policy.as_ref().map(|text| policies.read(text));
                    let keys = Context::above(&keys);
                    let of_resource = (resource, policy.as_ref());
                    self.check_on(&question, &own, &permission.action, of_resource, owner, keys)?;
                }
            }
        }
        Ok(())
    }

    /// Decides whether a caller may do something about a role, such as assume it: the role's trust policy has the say, beside
    /// what limits the principal of the request where the caller is no other than that.
    pub fn decide_on_role(&self, request: &RequestContext, role: &RoleAsked<'_>) -> Decision {
        let snapshot = self.store.snapshot();
        let subject = Subject::of(&snapshot, request, &self.read_policies);
        let asked = Asked::of(request, "sts", role.operation(), &subject, &snapshot);
        // Who comes with a token of an identity provider has no policies of an account.
        let own = if role.caller.account().is_some() { subject.policies() } else { subject.way_policies() };
        self.decide_about(&asked, own, keys::of_request(request, "sts", &subject), role)
    }

    /// The same of a service of AWS that asks by itself, as for the role of an instance.
    pub fn decide_on_role_for_service(&self, by: &ServiceAsking<'_>, role: &RoleAsked<'_>) -> Decision {
        let snapshot = self.store.snapshot();
        let standing = Standing::of(&snapshot, by.partition, by.account);
        let keys = keys::of_service(by.now, by.region, by.service, by.account, &standing);
        let asked = Asked {
            request_id: by.request_id,
            at: by.now,
            partition: by.partition,
            region: by.region,
            account: by.account,
            arn: by.service,
            service: "sts",
            operation: role.operation(),
            standing: &standing,
            snapshot: &snapshot,
        };
        self.decide_about(&asked, Policies::default(), keys, role)
    }

    fn decide_about(
        &self,
        asked: &Asked<'_>,
        own: Policies<'_>,
        mut keys: Context,
        role: &RoleAsked<'_>,
    ) -> Decision {
        for (key, values) in role.keys.iter() {
            keys.set_many(key.to_owned(), values.iter().cloned());
        }
        let mut owners = HashMap::new();
        let owner = Owner::among(&mut owners, asked, role.account);
        owner.set(&mut keys);
        let policies = Policies {
            resource: Some(Attached { name: "the trust policy", owner: role.arn, policy: role.trust }),
            resource_rule: ResourceRule::Trust,
            resource_owner: Some(role.account),
            resource_control: owner.controls.attached(),
            ..own
        };
        let question =
            Request { caller: role.caller, action: role.action, resource: role.arn, context: &keys };
        let decision = evaluate(&policies, &question);
        if !decision.is_allowed() {
            self.remember(asked, &policies, &question, &decision);
        }
        decision
    }

    /// The denial of a request, if it is among the latest.
    pub fn denial_of(&self, request_id: &str) -> Option<Denial> {
        self.denials.of(request_id)
    }

    /// The latest denial, of an account if one is given.
    pub fn last_denial(&self, account: Option<AccountId>) -> Option<Denial> {
        self.denials.last(account)
    }

    /// Decides about one action on one resource, with what the resource and its account have to say.
    fn check_on(
        &self,
        question: &Question<'_>,
        own: &Policies<'_>,
        action: &str,
        (resource, policy): (&TargetResource, Option<&Policy>),
        owner: &Owner,
        mut keys: Context,
    ) -> Result<(), Refusal> {
        set_all(&mut keys, &resource.keys);
        owner.set(&mut keys);
        let policies = Policies {
            resource: policy.map(|policy| Attached { name: &resource.arn, owner: &resource.arn, policy }),
            // From another account both sides have to allow, and without a policy the resource's side does not. Only where
            // its service has looked at whether it is shared is the caller's side alone to decide.
            resource_owner: resource.owner.filter(|_| match resource.sharing {
                Sharing::ByPolicy => true,
                Sharing::ByService => resource.policy.is_some(),
            }),
            resource_control: owner.controls.attached(),
            ..own.clone()
        };
        self.check(question, &policies, action, &resource.arn, &keys)
    }

    fn check(
        &self,
        question: &Question<'_>,
        policies: &Policies<'_>,
        action: &str,
        resource: &str,
        keys: &Context,
    ) -> Result<(), Refusal> {
        let request = Request { caller: question.caller, action, resource, context: keys };
        let decision = evaluate(policies, &request);
        if decision.is_allowed() {
            return Ok(());
        }
        let message = self.remember(question.asked, policies, &request, &decision);
        let principal = question.principal;
        let is_short = bytes_of(resource, keys) <= TOLD_BYTES_MAX;
        let none = Context::new();
        let told = if is_short { keys } else { &none };
        let sealed = message::decision(principal, action, cut(resource), told, &decision);
        Err(Refusal { message, encoded: self.sealer.seal(principal.account, &sealed) })
    }

    /// Keeps a denial for whoever asks why, and words it.
    fn remember(
        &self,
        asked: &Asked<'_>,
        policies: &Policies<'_>,
        request: &Request<'_>,
        decision: &Decision,
    ) -> String {
        let Request { action, resource, context: keys, .. } = *request;
        let message = access_denied_message(asked.arn, action, cut(resource), decision);
        if bytes_of(resource, keys) > TOLD_BYTES_MAX {
            return message;
        }
        self.denials.add(Denial {
            request_id: asked.request_id.as_str().to_owned(),
            at: asked.at,
            account: asked.account,
            principal: asked.arn.to_owned(),
            region: asked.region.to_string(),
            operation: format!("{}:{}", asked.service, asked.operation),
            action: action.to_owned(),
            resource: resource.to_owned(),
            message: message.clone(),
            context: keys
                .iter()
                .map(|(key, values)| (key.to_owned(), values.iter().map(ToString::to_string).collect()))
                .collect(),
            explanation: explain(policies, request),
        });
        message
    }
}

/// What is asked of a role.
#[derive(Clone, Copy, Debug)]
pub struct RoleAsked<'a> {
    /// Who asks: the request's principal, or whoever an identity provider vouches for.
    pub caller: &'a Caller,
    /// Such as `sts:AssumeRole`.
    pub action: &'a str,
    /// The role's ARN.
    pub arn: &'a str,
    /// The role's account.
    pub account: AccountId,
    /// Its trust policy.
    pub trust: &'a Policy,
    /// Condition keys of this question, over those of every request.
    pub keys: &'a Context,
}

impl RoleAsked<'_> {
    fn operation(&self) -> &str {
        self.action.strip_prefix("sts:").unwrap_or(self.action)
    }
}

/// A service of AWS that asks for something by itself.
#[derive(Clone, Copy, Debug)]
pub struct ServiceAsking<'a> {
    /// What a denial is found by.
    pub request_id: &'a RequestId,
    /// The service, such as `ec2.amazonaws.com`.
    pub service: &'a str,
    /// The account that it acts for.
    pub account: AccountId,
    /// The partition.
    pub partition: Partition,
    /// Where it acts.
    pub region: &'a Region,
    /// When.
    pub now: Timestamp,
}

/// Who asks where and when: what does not change from one permission of a request to the next.
struct Asked<'a> {
    request_id: &'a RequestId,
    at: Timestamp,
    partition: Partition,
    region: &'a Region,
    /// The account of whoever asks.
    account: AccountId,
    /// The ARN of whoever asks, or the name of a service.
    arn: &'a str,
    service: &'a str,
    operation: &'a str,
    /// Where the account stands in an organization.
    standing: &'a Standing,
    snapshot: &'a Snapshot,
}

impl<'a> Asked<'a> {
    fn of(
        request: &'a RequestContext,
        service: &'a str,
        operation: &'a str,
        subject: &'a Subject,
        snapshot: &'a Snapshot,
    ) -> Self {
        Self {
            request_id: &request.request_id,
            at: request.now,
            partition: request.partition,
            region: &request.region,
            account: request.principal.account,
            arn: request.principal.arn.as_str(),
            service,
            operation,
            standing: &subject.standing,
            snapshot,
        }
    }
}

/// A request of somebody who is answered.
struct Question<'a> {
    asked: &'a Asked<'a>,
    principal: &'a Principal,
    caller: &'a Caller,
}

/// An account that has resources of a request.
struct Owner {
    account: AccountId,
    standing: Standing,
    /// The resource control policies of its organization.
    controls: Limits,
}

impl Owner {
    /// One of those that are known of a request, or one more.
    fn among<'a>(known: &'a mut HashMap<AccountId, Self>, asked: &Asked<'_>, account: AccountId) -> &'a Self {
        known.entry(account).or_insert_with(|| {
            let (snapshot, partition) = (asked.snapshot, asked.partition);
            let standing = if account == asked.account {
                asked.standing.clone()
            } else {
                Standing::of(snapshot, partition, account)
            };
            let controls = standing.limits(snapshot, partition, PolicyType::ResourceControl);
            Self { account, standing, controls }
        })
    }

    /// Sets whose a resource is.
    fn set(&self, keys: &mut Context) {
        keys.set("aws:ResourceAccount", self.account.to_string());
        self.standing.set(keys, "aws:ResourceOrgID", "aws:ResourceOrgPaths");
    }
}

fn bytes_of(resource: &str, keys: &Context) -> usize {
    let keys =
        keys.iter().map(|(key, values)| key.len() + values.iter().map(|value| value.len()).sum::<usize>());
    resource.len() + keys.sum::<usize>()
}

fn cut(resource: &str) -> &str {
    &resource[..resource.floor_char_boundary(SHOWN_BYTES_MAX)]
}

/// What policies can ask of a request on a resource that it touches: for services which have policies of their own to hold
/// against it, beside those that decide whether it comes to them.
pub fn context_of(
    snapshot: &Snapshot,
    request: &RequestContext,
    permission: &NeededPermission,
    resource: &TargetResource,
) -> Context {
    let subject = Subject::of(snapshot, request, &ReadPolicies::default());
    let asked = Asked::of(request, "", "", &subject, snapshot);
    let service = permission.action.split(':').next().unwrap_or_default();
    let mut keys = keys::of_request(request, service, &subject);
    set_all(&mut keys, &permission.keys);
    set_all(&mut keys, &resource.keys);
    let account = resource.owner.unwrap_or(request.principal.account);
    Owner::among(&mut HashMap::new(), &asked, account).set(&mut keys);
    keys
}

fn set_all(keys: &mut Context, more: &[(String, Vec<String>)]) {
    for (key, values) in more {
        match values.as_slice() {
            [value] if is_of_tag(key) => keys.set_tag(key.clone(), value.clone()),
            values => keys.set_many(key.clone(), values.iter().cloned()),
        }
    }
}

/// Whether the key is that of a tag, such as `aws:ResourceTag/Team`: what stands behind the slash is then somebody's choice.
fn is_of_tag(key: &str) -> bool {
    let stem = key.split_once('/').map_or("", |(stem, _)| stem);
    stem.len()
        .checked_sub(3)
        .and_then(|end| stem.get(end..))
        .is_some_and(|end| end.eq_ignore_ascii_case("tag"))
}

/// A policy that lets nobody do anything.
fn nothing() -> Policy {
    let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}"#;
    Policy::parse_stored(text).expect("the text is a policy")
}
