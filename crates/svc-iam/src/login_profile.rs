//! Login profiles: the passwords of users.
//!
//! Owns who has one and when it was changed. Refuses to sign anybody in: there is no console.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords.html>

use aws_api::Unit;
use aws_api::iam::{
    self as api, ChangePasswordRequest, CreateLoginProfileRequest, CreateLoginProfileResponse,
    DeleteLoginProfileRequest, GetLoginProfileRequest, GetLoginProfileResponse, UpdateLoginProfileRequest,
    operation as op,
};
use aws_types::Timestamp;
use identities::{PasswordPolicy, User};
use serde::{Deserialize, Serialize};
use service_api::{Operations, PrincipalKind, RequestContext, ServiceError};
use store::{Read, Record, Snapshot, Transaction};

use crate::caller::{self, Subject};
use crate::password::{self, PasswordHash};
use crate::{State, error, scope, user};

/// How many earlier passwords are remembered: the most that a policy can ask for.
const REMEMBERED: usize = 24;

/// A user's password. Kept under its account's global scope, by the user's id.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_LoginProfile.html>
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoginProfile {
    pub(crate) created: Timestamp,
    /// When the password was last set.
    pub(crate) changed: Timestamp,
    password: PasswordHash,
    /// The ones before, the last first.
    previous: Vec<PasswordHash>,
    reset_required: bool,
}

impl Record for LoginProfile {
    const KIND: &'static str = "iam.login-profile";
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateLoginProfile>(create)
        .with::<op::GetLoginProfile>(get)
        .with::<op::UpdateLoginProfile>(update)
        .with::<op::DeleteLoginProfile>(delete)
        .with::<op::ChangePassword>(change_password)
}

/// A user with a password is not deleted.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let is_held = transaction.contains::<LoginProfile>(&scope(context), &user.id);
    is_held.then(|| error::delete_conflict("Cannot delete entity, must delete login profile first."))
}

/// The password of a user, where it has one.
pub(crate) fn of_user(reader: &impl Read, context: &RequestContext, user: &User) -> Option<LoginProfile> {
    reader.get::<LoginProfile>(&scope(context), &user.id).map(|profile| (*profile).clone())
}

fn find(reader: &impl Read, context: &RequestContext, user: &User) -> Result<LoginProfile, ServiceError> {
    of_user(reader, context, user).ok_or_else(|| {
        error::no_such_entity(format!("Login Profile for User {} cannot be found.", user.name))
    })
}

fn policy(reader: &impl Read, context: &RequestContext) -> Option<PasswordPolicy> {
    reader.get::<PasswordPolicy>(&scope(context), PasswordPolicy::KEY).map(|policy| (*policy).clone())
}

fn shown(user: &User, profile: &LoginProfile) -> api::LoginProfile {
    api::LoginProfile {
        user_name: user.name.clone(),
        create_date: profile.created,
        password_reset_required: Some(profile.reset_required),
    }
}

/// The user that a request is about. The root user's password is none of this file's.
fn named(reader: &impl Read, context: &RequestContext, name: Option<&str>) -> Result<User, ServiceError> {
    match caller::subject(reader, context, name)? {
        Subject::User(user) => Ok(user),
        Subject::Root => {
            Err(error::validation("Must specify userName when calling with non-User credentials"))
        }
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateLoginProfile.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateLoginProfileRequest,
) -> Result<CreateLoginProfileResponse, ServiceError> {
    let password = request.password.ok_or_else(|| {
        error::validation(
            "1 validation error detected: Value at 'password' failed to satisfy constraint: Member must not be null",
        )
    })?;
    let name = request.user_name.as_deref();
    let check = |reader: &Snapshot| {
        named(reader, context, name)?;
        password::check(policy(reader, context).as_ref(), &password)
    };
    check(&state.store.snapshot())?;
    let hash = PasswordHash::new(&password, &*state.ids);
    state.store.transact(|transaction| {
        let user = named(transaction, context, name)?;
        if of_user(transaction, context, &user).is_some() {
            let message = format!("Login Profile for user {} already exists.", user.name);
            return Err(error::already_exists(message));
        }
        password::check(policy(transaction, context).as_ref(), &password)?;
        let profile = LoginProfile {
            created: context.now,
            changed: context.now,
            password: hash,
            previous: Vec::new(),
            reset_required: request.password_reset_required.unwrap_or_default(),
        };
        let answer = CreateLoginProfileResponse { login_profile: shown(&user, &profile) };
        transaction.put(&scope(context), &user.id, profile);
        Ok(answer)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetLoginProfile.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetLoginProfileRequest,
) -> Result<GetLoginProfileResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let user = named(&snapshot, context, request.user_name.as_deref())?;
    let profile = find(&snapshot, context, &user)?;
    Ok(GetLoginProfileResponse { login_profile: shown(&user, &profile) })
}

/// A new password, looked at and hashed before the store is locked.
struct NewPassword {
    hash: PasswordHash,
    /// What the profile was held against, so that a change in between is seen.
    against: LoginProfile,
}

impl NewPassword {
    /// # Errors
    /// `PasswordPolicyViolation`.
    fn new(
        state: &State,
        policy: Option<&PasswordPolicy>,
        against: LoginProfile,
        password: &str,
    ) -> Result<Self, ServiceError> {
        password::check(policy, password)?;
        let remembered = policy.and_then(|policy| policy.reuse_prevention).unwrap_or_default();
        let remembered = usize::try_from(remembered).unwrap_or(REMEMBERED);
        let earlier = std::iter::once(&against.password).chain(&against.previous).take(remembered);
        if earlier.into_iter().any(|hash| hash.is_of(password)) {
            let message = "Password does not conform to the account password policy: it was used before.";
            return Err(password::violation(message));
        }
        Ok(Self { hash: PasswordHash::new(password, &*state.ids), against })
    }

    /// # Errors
    /// `EntityTemporarilyUnmodifiable` when the password has become another meanwhile.
    fn put_into(self, profile: &mut LoginProfile, now: Timestamp) -> Result<(), ServiceError> {
        if profile.password != self.against.password {
            let message = "The login profile is being changed by another request. Try again.";
            return Err(ServiceError::new("EntityTemporarilyUnmodifiable", message));
        }
        let before = std::mem::replace(&mut profile.password, self.hash);
        profile.previous.insert(0, before);
        profile.previous.truncate(REMEMBERED);
        profile.changed = now;
        Ok(())
    }
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UpdateLoginProfile.html>
fn update(
    state: &State,
    context: &RequestContext,
    request: UpdateLoginProfileRequest,
) -> Result<Unit, ServiceError> {
    let snapshot = state.store.snapshot();
    let found = find(&snapshot, context, &user::find(&snapshot, context, &request.user_name)?)?;
    let policy = policy(&snapshot, context);
    let new = request.password.as_deref().map(|new| NewPassword::new(state, policy.as_ref(), found, new));
    let new = new.transpose()?;
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let mut profile = find(transaction, context, &user)?;
        if let Some(new) = new {
            new.put_into(&mut profile, context.now)?;
        }
        profile.reset_required = request.password_reset_required.unwrap_or(profile.reset_required);
        transaction.put(&scope(context), &user.id, profile);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteLoginProfile.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteLoginProfileRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let user = named(transaction, context, request.user_name.as_deref())?;
        find(transaction, context, &user)?;
        transaction.delete::<LoginProfile>(&scope(context), &user.id);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ChangePassword.html>
fn change_password(
    state: &State,
    context: &RequestContext,
    request: ChangePasswordRequest,
) -> Result<Unit, ServiceError> {
    let PrincipalKind::User { name } = &context.principal.kind else {
        let message = "Only IAM Users can change their own password";
        return Err(ServiceError::new("InvalidUserType", message));
    };
    let snapshot = state.store.snapshot();
    let found = find(&snapshot, context, &user::find(&snapshot, context, name)?)?;
    if !found.password.is_of(&request.old_password) {
        return Err(ServiceError::new("AccessDenied", "The old password was incorrect."));
    }
    let new = NewPassword::new(state, policy(&snapshot, context).as_ref(), found, &request.new_password)?;
    state.store.transact(|transaction| {
        let user = user::find(transaction, context, name)?;
        let mut profile = find(transaction, context, &user)?;
        new.put_into(&mut profile, context.now)?;
        profile.reset_required = false;
        transaction.put(&scope(context), &user.id, profile);
        Ok(Unit)
    })
}
