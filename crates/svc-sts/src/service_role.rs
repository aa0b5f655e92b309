//! Sessions that a service of AWS has of a role, such as those of instances.
//!
//! Owns whether the role lets the service in, and what the session carries. Refuses to know when a service needs one.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html>

use aws_types::{AccountId, Partition, Timestamp};
use iam_policy::{Attached, Caller, Context, Policies, Request, ResourceRule, evaluate};
use identities::Role;
use service_api::{PrincipalKind, Session};
use session_tokens::{NewSession, Temporary, Tokens};

use crate::role::session_names_in;
use crate::session::lasting;

/// What a service asks for.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSession<'a> {
    /// The partition.
    pub partition: Partition,
    /// The account of the role, and of what the service acts for.
    pub account: AccountId,
    /// The role.
    pub role: &'a Role,
    /// The service, such as `ec2.amazonaws.com`.
    pub service: &'a str,
    /// The session's name, such as the id of an instance.
    pub session_name: &'a str,
    /// How long it is to be.
    pub secs: u32,
    /// The ARN of the instance that it is for.
    pub source_instance_arn: Option<&'a str>,
    /// When it begins.
    pub now: Timestamp,
}

/// Why a service has no session of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceSessionError {
    /// The role's trust policy does not let the service in.
    NotTrusted,
}

impl ServiceSession<'_> {
    /// Makes the session's credentials.
    ///
    /// # Errors
    /// When the role does not trust the service.
    pub fn seal(
        &self,
        tokens: &Tokens,
        bits: &mut dyn FnMut() -> u128,
    ) -> Result<Temporary, ServiceSessionError> {
        if !self.is_trusted() {
            return Err(ServiceSessionError::NotTrusted);
        }
        let (arn, user_id) = session_names_in(self.partition, self.role, self.account, self.session_name);
        let session = Session {
            source_instance_arn: self.source_instance_arn.map(str::to_owned),
            ..Session::default()
        };
        let new = NewSession {
            account: self.account,
            kind: PrincipalKind::AssumedRole {
                role: self.role.name.clone(),
                role_id: self.role.id.clone(),
                role_arn: self.role.arn.clone(),
                session_name: self.session_name.to_owned(),
            },
            arn,
            user_id,
            session: lasting(self.now, self.secs, session),
        };
        Ok(tokens.seal(new, bits).expect("a session without policies and tags is not too large"))
    }

    fn is_trusted(&self) -> bool {
        let mut keys = Context::new();
        keys.set("aws:CurrentTime", self.now.to_string());
        keys.set("aws:EpochTime", self.now.unix_secs().to_string());
        keys.set("aws:PrincipalType", "Service");
        keys.set("aws:PrincipalServiceName", self.service.to_owned());
        keys.set("aws:PrincipalIsAWSService", "true");
        keys.set("aws:SourceAccount", self.account.to_string());
        if let Some(arn) = self.source_instance_arn {
            keys.set("aws:SourceArn", arn.to_owned());
        }
        keys.set("sts:RoleSessionName", self.session_name.to_owned());
        let caller = Caller::Service { name: self.service.to_owned(), account: None };
        let role_arn = self.role.arn.as_str();
        let policies = Policies {
            resource: Some(Attached { name: "", owner: role_arn, policy: &self.role.trust_policy }),
            resource_rule: ResourceRule::Trust,
            resource_owner: Some(self.account),
            ..Policies::default()
        };
        let action = "sts:AssumeRole";
        evaluate(&policies, &Request { caller: &caller, action, resource: role_arn, context: &keys })
            .is_allowed()
    }
}
