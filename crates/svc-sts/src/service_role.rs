//! Sessions that a service of AWS has of a role, such as those of instances.
//!
//! Owns whether the role lets the service in, and what the session carries. Refuses to know when a service needs one.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_switch-role-ec2.html>

use authorization::{Authorization, RoleAsked, ServiceAsking};
use aws_types::{AccountId, Partition, Region, Timestamp};
use iam_policy::{Caller, Context};
use identities::Role;
use service_api::{PrincipalKind, RequestId, Session};
use session_tokens::{NewSession, Temporary, Tokens};

use crate::role::{resource_tags, session_names_in};
use crate::session::lasting;

/// What a service asks for.
#[derive(Clone, Copy, Debug)]
pub struct ServiceSession<'a> {
    /// The partition.
    pub partition: Partition,
    /// The region of what the service acts for.
    pub region: &'a Region,
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
    /// The role's trust policy does not let the service in, or what limits the role's account does not.
    NotTrusted,
}

impl ServiceSession<'_> {
    /// Makes the session's credentials.
    ///
    /// # Errors
    /// When the role does not trust the service. The denial is remembered like that of a request.
    pub fn seal(
        &self,
        authorization: &Authorization,
        tokens: &Tokens,
        bits: &mut dyn FnMut() -> u128,
    ) -> Result<Temporary, ServiceSessionError> {
        if !self.is_trusted(authorization, &RequestId::from_bits(bits())) {
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

    fn is_trusted(&self, authorization: &Authorization, request_id: &RequestId) -> bool {
        let mut keys = Context::new();
        if let Some(arn) = self.source_instance_arn {
            keys.set("aws:SourceArn", arn.to_owned());
        }
        keys.set("sts:RoleSessionName", self.session_name.to_owned());
        resource_tags(&mut keys, self.role);
        let asking = ServiceAsking {
            request_id,
            service: self.service,
            account: self.account,
            partition: self.partition,
            region: self.region,
            now: self.now,
        };
        let asked = RoleAsked {
            caller: &Caller::Service { name: self.service.to_owned(), account: None },
            action: "sts:AssumeRole",
            arn: self.role.arn.as_str(),
            account: self.account,
            trust: &self.role.trust_policy,
            keys: &keys,
        };
        authorization.decide_on_role_for_service(&asking, &asked).is_allowed()
    }
}
