//! The credentials that instances find in their metadata.
//!
//! Owns which are given out, for how long, when they are made anew, and what is recorded of it. They are sealed, so nothing of them is kept beside
//! those that are given out now; a daemon that is started anew makes others, and the earlier ones stay good until they end.
//! Refuses to know how they are shown.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html>

use std::collections::HashMap;
use std::sync::Arc;

use authorization::Authorization;
use aws_api::sts::{AssumeRoleRequest, AssumeRoleResponse, AssumedRoleUser, Credentials};
use aws_types::{Arn, InstanceId, Timestamp};
use identities::Role;
use parking_lot::Mutex;
use service_api::{IdSource as _, OsRandom, PrincipalKind, Session};
use session_tokens::{NewSession, Temporary, Tokens};
use store::Scope;
use svc_sts::ServiceSession;
use vpc_services::{InstanceRole, SecurityCredentials};

use crate::events::{Events, ServiceCall};

/// How long they are good.
const LIFE_SECS: u32 = 6 * 60 * 60;
/// How long before their end there are others. Clients ask for new ones a quarter of an hour before the end.
const RENEWED_BEFORE_MILLIS: i64 = 60 * 60 * 1000;
/// Those that are remembered; with more, the ones that have ended are forgotten, and then all.
const HELD_MAX: usize = 1 << 16;
/// Who lets instances in.
const SERVICE: &str = "ec2.amazonaws.com";
/// The name of the role that tells which instance somebody is. No role of an account can have it.
pub(crate) const IDENTITY_ROLE: &str = "aws:ec2-instance";

/// The credentials that are given out.
pub(crate) struct InstanceCredentials {
    tokens: Tokens,
    authorization: Arc<Authorization>,
    held: Mutex<HashMap<(InstanceId, String), SecurityCredentials>>,
    /// Who is told that EC2 assumed a role.
    events: Option<Arc<Events>>,
}

impl InstanceCredentials {
    /// None yet.
    pub(crate) fn new(tokens: Tokens, authorization: Arc<Authorization>) -> Self {
        Self { tokens, authorization, held: Mutex::default(), events: None }
    }

    /// The same, with an event of each role that is assumed.
    pub(crate) fn with_events(self, events: Arc<Events>) -> Self {
        Self { events: Some(events), ..self }
    }

    /// What an instance has of its role.
    pub(crate) fn of_role(
        &self,
        scope: &Scope,
        instance: InstanceId,
        role: &Role,
        now: Timestamp,
    ) -> InstanceRole {
        let credentials = self.held_or(instance, &role.id, now, || {
            let (name, arn) = (instance.to_string(), instance_arn(scope, instance));
            let session = ServiceSession {
                partition: scope.partition,
                region: &scope.region,
                account: scope.account,
                role,
                service: SERVICE,
                session_name: &name,
                secs: LIFE_SECS,
                source_instance_arn: Some(arn.as_str()),
                now,
            };
            let made = session.seal(&self.authorization, &self.tokens, &mut || OsRandom.bits()).ok()?;
            self.tell(scope, role, &name, &made, now);
            Some(made)
        });
        InstanceRole { name: role.name.clone(), credentials: credentials.ok_or(now) }
    }

    /// Records that EC2 assumed a role for an instance.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/cloudtrail-integration.html>
    fn tell(&self, scope: &Scope, role: &Role, session_name: &str, made: &Temporary, now: Timestamp) {
        let Some(events) = &self.events else { return };
        let input = AssumeRoleRequest {
            role_arn: role.arn.to_string(),
            role_session_name: session_name.to_owned(),
            ..AssumeRoleRequest::default()
        };
        let session = format!("assumed-role/{}/{session_name}", role.name);
        let output = AssumeRoleResponse {
            credentials: Some(Credentials {
                access_key_id: made.access_key_id.clone(),
                secret_access_key: made.secret.clone(),
                session_token: made.token.clone(),
                expiration: made.expires,
            }),
            assumed_role_user: Some(AssumedRoleUser {
                assumed_role_id: format!("{}:{session_name}", role.id),
                arn: Arn::global(scope.partition, "sts", scope.account, &session).to_string(),
            }),
            ..AssumeRoleResponse::default()
        };
        events.record_of_service(ServiceCall {
            scope: scope.clone(),
            service: SERVICE,
            operation: ("sts", "AssumeRole"),
            input: input.into(),
            output: output.into(),
            now,
        });
    }

    /// What tells which instance it is. No policy lets it do anything.
    pub(crate) fn of_identity(
        &self,
        scope: &Scope,
        instance: InstanceId,
        now: Timestamp,
    ) -> Option<SecurityCredentials> {
        self.held_or(instance, IDENTITY_ROLE, now, || {
            let account = scope.account;
            let global =
                |service: &str, resource: &str| Arn::global(scope.partition, service, account, resource);
            let issued = Timestamp::from_unix_secs(now.unix_secs());
            let new = NewSession {
                account,
                kind: PrincipalKind::AssumedRole {
                    role: IDENTITY_ROLE.to_owned(),
                    role_id: format!("{account}:{IDENTITY_ROLE}"),
                    role_arn: global("iam", &format!("role/{IDENTITY_ROLE}")),
                    session_name: instance.to_string(),
                },
                arn: global("sts", &format!("assumed-role/{IDENTITY_ROLE}/{instance}")),
                user_id: format!("{account}:{IDENTITY_ROLE}:{instance}"),
                session: Session {
                    issued,
                    expires: issued.plus_millis(i64::from(LIFE_SECS) * 1000),
                    source_instance_arn: Some(instance_arn(scope, instance).to_string()),
                    ..Session::default()
                },
            };
            self.tokens.seal(new, &mut || OsRandom.bits()).ok()
        })
    }

    /// Those that are given out, or others where they end soon.
    fn held_or(
        &self,
        instance: InstanceId,
        role_id: &str,
        now: Timestamp,
        make: impl FnOnce() -> Option<Temporary>,
    ) -> Option<SecurityCredentials> {
        let key = (instance, role_id.to_owned());
        let mut held = self.held.lock();
        let is_fresh = |had: &&SecurityCredentials| {
            had.issued <= now && had.expires.plus_millis(-RENEWED_BEFORE_MILLIS) > now
        };
        if let Some(had) = held.get(&key).filter(is_fresh) {
            return Some(had.clone());
        }
        let made = make()?;
        let made = SecurityCredentials {
            access_key_id: made.access_key_id,
            secret: made.secret,
            token: made.token,
            issued: Timestamp::from_unix_secs(now.unix_secs()),
            expires: made.expires,
        };
        if held.len() >= HELD_MAX {
            held.retain(|_, had| had.expires > now);
        }
        if held.len() >= HELD_MAX {
            held.clear();
        }
        held.insert(key, made.clone());
        Some(made)
    }
}

fn instance_arn(scope: &Scope, instance: InstanceId) -> Arn {
    Arn::new(scope.partition, "ec2", &scope.region, scope.account, &format!("instance/{instance}"))
}
