//! Service-specific credentials: names and passwords for what does not sign requests.
//!
//! Owns which services have them and what they are called. No service here takes one yet.
//!
//! <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ServiceSpecificCredential.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreateServiceSpecificCredentialRequest, CreateServiceSpecificCredentialResponse,
    DeleteServiceSpecificCredentialRequest, ListServiceSpecificCredentialsRequest,
    ListServiceSpecificCredentialsResponse, ResetServiceSpecificCredentialRequest,
    ResetServiceSpecificCredentialResponse, ServiceSpecificCredentialMetadata,
    UpdateServiceSpecificCredentialRequest, operation as op,
};
use aws_types::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identities::{IdKind, User};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Record, Transaction};

use crate::caller::{Subject, subject};
use crate::password::PasswordHash;
use crate::quota::Quota;
use crate::{State, error, page, scope, user};

/// Of each service.
const CREDENTIALS_PER_USER: Quota = Quota("ServiceSpecificCredentialsPerUser", 2);
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// What a service's credentials are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A user name and a password that do not end.
    Password,
    /// An alias and a secret, which may end.
    Secret,
}

const SERVICES: [(&str, Form); 4] = [
    ("codecommit.amazonaws.com", Form::Password),
    ("cassandra.amazonaws.com", Form::Password),
    ("bedrock.amazonaws.com", Form::Secret),
    ("logs.amazonaws.com", Form::Secret),
];

fn form(service: &str) -> Result<Form, ServiceError> {
    SERVICES.iter().find(|(name, _)| *name == service).map(|(_, form)| *form).ok_or_else(|| {
        let message = format!("No such service {service} is supported for Service Specific Credentials");
        ServiceError::new("NotSupportedService", message)
    })
}

/// A service-specific credential. Kept under its account's global scope, by its id; part of its user by the user's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceSpecificCredential {
    id: String,
    user_id: String,
    service: String,
    /// The user name or alias.
    name: String,
    secret: PasswordHash,
    created: Timestamp,
    expires: Option<Timestamp>,
    is_active: bool,
}

impl Record for ServiceSpecificCredential {
    const KIND: &'static str = "iam.service-specific-credential";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        Some(self.user_id.clone())
    }
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateServiceSpecificCredential>(create)
        .with::<op::ListServiceSpecificCredentials>(list)
        .with::<op::UpdateServiceSpecificCredential>(update)
        .with::<op::ResetServiceSpecificCredential>(reset)
        .with::<op::DeleteServiceSpecificCredential>(delete)
}

/// A user with a credential is not deleted.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let mut held = transaction.parts::<ServiceSpecificCredential>(&scope(context), &user.id);
    let message = "Cannot delete entity, must delete service-specific credentials first.";
    held.next().map(|_| error::delete_conflict(message))
}

impl ServiceSpecificCredential {
    fn form(&self) -> Form {
        form(&self.service).unwrap_or(Form::Password)
    }

    fn status(&self, now: Timestamp) -> String {
        let is_over = self.expires.is_some_and(|expires| expires <= now);
        if is_over {
            "Expired"
        } else if self.is_active {
            "Active"
        } else {
            "Inactive"
        }
        .to_owned()
    }

    fn metadata(&self, user: &User, now: Timestamp) -> ServiceSpecificCredentialMetadata {
        let is_secret = self.form() == Form::Secret;
        ServiceSpecificCredentialMetadata {
            user_name: user.name.clone(),
            status: self.status(now),
            service_user_name: (!is_secret).then(|| self.name.clone()),
            service_credential_alias: is_secret.then(|| self.name.clone()),
            create_date: self.created,
            expiration_date: self.expires,
            service_specific_credential_id: self.id.clone(),
            service_name: self.service.clone(),
        }
    }

    /// With the secret, which is shown this once.
    fn shown(&self, user: &User, secret: String, now: Timestamp) -> api::ServiceSpecificCredential {
        let (password, secret) = match self.form() {
            Form::Password => (Some(secret), None),
            Form::Secret => (None, Some(secret)),
        };
        let metadata = self.metadata(user, now);
        api::ServiceSpecificCredential {
            create_date: metadata.create_date,
            expiration_date: metadata.expiration_date,
            service_name: metadata.service_name,
            service_user_name: metadata.service_user_name,
            service_password: password,
            service_credential_alias: metadata.service_credential_alias,
            service_credential_secret: secret,
            service_specific_credential_id: metadata.service_specific_credential_id,
            user_name: metadata.user_name,
            status: metadata.status,
        }
    }
}

fn new_secret(state: &State) -> String {
    STANDARD.encode([state.ids.bits().to_be_bytes(), state.ids.bits().to_be_bytes()].concat())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateServiceSpecificCredential.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateServiceSpecificCredentialRequest,
) -> Result<CreateServiceSpecificCredentialResponse, ServiceError> {
    let form = form(&request.service_name)?;
    if form == Form::Password && request.credential_age_days.is_some() {
        let message = format!("CredentialAgeDays is not supported for the service {}.", request.service_name);
        return Err(error::validation(message));
    }
    let secret = new_secret(state);
    let hash = PasswordHash::new(&secret, &*state.ids);
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let held = transaction.parts::<ServiceSpecificCredential>(&scope(context), &user.id);
        let held: Vec<_> =
            held.map(|(_, held)| held).filter(|held| held.service == request.service_name).collect();
        CREDENTIALS_PER_USER.check(held.len() + 1)?;
        let named = |number: usize| {
            let more = if number == 0 { String::new() } else { format!("+{number}") };
            format!("{}{more}-at-{}", user.name, context.account())
        };
        let is_free = |name: &String| held.iter().all(|held| held.name != *name);
        let name = (0..=held.len()).map(named).find(is_free).expect("there are more names than credentials");
        let credential = ServiceSpecificCredential {
            id: state.unique_id(IdKind::ServiceSpecificCredential),
            user_id: user.id.clone(),
            service: request.service_name,
            name,
            secret: hash,
            created: context.now,
            expires: request
                .credential_age_days
                .map(|days| context.now.plus_millis(i64::from(days) * DAY_MILLIS)),
            is_active: true,
        };
        let answer = credential.shown(&user, secret, context.now);
        transaction.put(&scope(context), &credential.id.clone(), credential);
        Ok(CreateServiceSpecificCredentialResponse { service_specific_credential: Some(answer) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListServiceSpecificCredentials.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListServiceSpecificCredentialsRequest,
) -> Result<ListServiceSpecificCredentialsResponse, ServiceError> {
    let wanted = request.service_name.as_deref();
    if let Some(service) = wanted {
        form(service)?;
    }
    let snapshot = state.store.snapshot();
    let scope = scope(context);
    let is_for_all = request.all_users == Some(true);
    if is_for_all && request.user_name.is_some() {
        return Err(error::validation("UserName and AllUsers cannot be specified together."));
    }
    let users: Vec<User> = if is_for_all {
        snapshot.scan::<User>(&scope).map(|(_, user)| (*user).clone()).collect()
    } else {
        match subject(&snapshot, context, request.user_name.as_deref())? {
            Subject::User(user) => vec![user],
            Subject::Root => Vec::new(),
        }
    };
    let of = |user: &User| {
        let held = snapshot.parts::<ServiceSpecificCredential>(&scope, &user.id);
        let held = held.filter(|(_, held)| wanted.is_none_or(|wanted| held.service == wanted));
        held.map(|(id, held)| (id.to_owned(), held.metadata(user, context.now))).collect::<Vec<_>>()
    };
    let mut found: Vec<_> = users.iter().flat_map(of).collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListServiceSpecificCredentialsResponse {
        is_truncated: page.is_truncated(),
        service_specific_credentials: Some(page.items),
        marker: page.marker,
    })
}

/// The credential with this id, of the user that a request names or that asks.
fn find(
    reader: &impl Read,
    context: &RequestContext,
    name: Option<&str>,
    id: &str,
) -> Result<(User, ServiceSpecificCredential), ServiceError> {
    let missing = || error::no_such_entity(format!("No such credential {id} exists"));
    let Subject::User(user) = subject(reader, context, name)? else { return Err(missing()) };
    let found = reader.get::<ServiceSpecificCredential>(&scope(context), id);
    let found = found.filter(|held| held.user_id == user.id).ok_or_else(missing)?;
    Ok((user, (*found).clone()))
}

/// The service that a credential of the account is for.
pub(crate) fn service_of(reader: &impl Read, context: &RequestContext, id: &str) -> Option<String> {
    reader.get::<ServiceSpecificCredential>(&scope(context), id).map(|held| held.service.clone())
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateServiceSpecificCredential.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateServiceSpecificCredentialRequest,
) -> Result<Unit, ServiceError> {
    let is_active = match request.status.as_str() {
        "Active" => true,
        "Inactive" => false,
        other => return Err(error::validation(format!("Invalid value for status: {other}"))),
    };
    let id = request.service_specific_credential_id;
    state.store.transact(|transaction| {
        let (_, credential) = find(transaction, context, request.user_name.as_deref(), &id)?;
        transaction.put(&scope(context), &id, ServiceSpecificCredential { is_active, ..credential });
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResetServiceSpecificCredential.html>
fn reset(
    state: &State,
    context: &RequestContext,
    request: ResetServiceSpecificCredentialRequest,
) -> Result<ResetServiceSpecificCredentialResponse, ServiceError> {
    let id = request.service_specific_credential_id;
    let secret = new_secret(state);
    let hash = PasswordHash::new(&secret, &*state.ids);
    state.store.transact(|transaction| {
        let (user, credential) = find(transaction, context, request.user_name.as_deref(), &id)?;
        let credential = ServiceSpecificCredential { secret: hash, ..credential };
        let answer = credential.shown(&user, secret, context.now);
        transaction.put(&scope(context), &id, credential);
        Ok(ResetServiceSpecificCredentialResponse { service_specific_credential: Some(answer) })
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteServiceSpecificCredential.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteServiceSpecificCredentialRequest,
) -> Result<Unit, ServiceError> {
    let id = request.service_specific_credential_id;
    state.store.transact(|transaction| {
        find(transaction, context, request.user_name.as_deref(), &id)?;
        transaction.delete::<ServiceSpecificCredential>(&scope(context), &id);
        Ok(Unit)
    })
}
