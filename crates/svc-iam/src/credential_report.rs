//! The credential report: a table of all users of an account and what they sign in and sign with.
//!
//! Owns the table. It is made when it is asked for, at once, and is of use for four hours.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_getting-report.html>

use aws_api::Unit;
use aws_api::iam::{GenerateCredentialReportResponse, GetCredentialReportResponse, operation as op};
use aws_types::Timestamp;
use identities::{AccessKey, AccessKeyOwner, AccessKeyStatus, Account, PasswordPolicy, User};
use serde::{Deserialize, Serialize};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read as _, Record, Snapshot};

use crate::login_profile::LoginProfile;
use crate::{State, access_key, login_profile, mfa_device, scope, signing_certificate};

const LIFETIME_MILLIS: i64 = 4 * 60 * 60 * 1000;
const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
/// How many keys and certificates have columns.
const EACH: usize = 2;
const ROOT: &str = "<root_account>";
const NOT_SUPPORTED: &str = "not_supported";
const NO_INFORMATION: &str = "no_information";
const NONE: &str = "N/A";

const COLUMNS: [&str; 22] = [
    "user",
    "arn",
    "user_creation_time",
    "password_enabled",
    "password_last_used",
    "password_last_changed",
    "password_next_rotation",
    "mfa_active",
    "access_key_1_active",
    "access_key_1_last_rotated",
    "access_key_1_last_used_date",
    "access_key_1_last_used_region",
    "access_key_1_last_used_service",
    "access_key_2_active",
    "access_key_2_last_rotated",
    "access_key_2_last_used_date",
    "access_key_2_last_used_region",
    "access_key_2_last_used_service",
    "cert_1_active",
    "cert_1_last_rotated",
    "cert_2_active",
    "cert_2_last_rotated",
];

/// The report that was made last. Kept under the account's global scope, by [`CredentialReport::KEY`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CredentialReport {
    generated: Timestamp,
    content: String,
}

impl CredentialReport {
    const KEY: &'static str = "credential-report";

    fn is_over(&self, now: Timestamp) -> bool {
        now >= self.generated.plus_millis(LIFETIME_MILLIS)
    }
}

impl Record for CredentialReport {
    const KIND: &'static str = "iam.credential-report";
}

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table.with::<op::GenerateCredentialReport>(generate).with::<op::GetCredentialReport>(get)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GenerateCredentialReport.html>
fn generate(
    state: &State,
    context: &RequestContext,
    _: Unit,
) -> Result<GenerateCredentialReportResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let held = snapshot.get::<CredentialReport>(&scope(context), CredentialReport::KEY);
    let answer = |state: &str, description: Option<&str>| GenerateCredentialReportResponse {
        state: Some(state.to_owned()),
        description: description.map(str::to_owned),
    };
    if held.as_ref().is_some_and(|report| !report.is_over(context.now)) {
        return Ok(answer("COMPLETE", None));
    }
    let report = CredentialReport { generated: context.now, content: content(state, &snapshot, context) };
    state.store.transact(|transaction| {
        transaction.put(&scope(context), CredentialReport::KEY, report);
        let description = match held {
            None => "No report exists. Starting a new report generation task",
            Some(_) => "The last report is older than four hours. Starting a new report generation task",
        };
        Ok(answer("STARTED", Some(description)))
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetCredentialReport.html>
fn get(
    state: &State,
    context: &RequestContext,
    _: Unit,
) -> Result<GetCredentialReportResponse, ServiceError> {
    let held = state.store.snapshot().get::<CredentialReport>(&scope(context), CredentialReport::KEY);
    let Some(report) = held else {
        return Err(ServiceError::new("ReportNotPresent", "No report exists. Generate one first."));
    };
    if report.is_over(context.now) {
        let message = "The credential report is older than four hours. Generate a new one first.";
        return Err(ServiceError::new("ReportExpired", message));
    }
    Ok(GetCredentialReportResponse {
        content: Some(report.content.clone().into_bytes().into()),
        report_format: Some("text/csv".to_owned()),
        generated_time: Some(report.generated),
    })
}

/// `2026-11-22T14:28:00+00:00`.
fn time(at: Timestamp) -> String {
    let text = Timestamp::from_unix_secs(at.unix_secs()).to_string();
    format!("{}+00:00", text.trim_end_matches(".000Z"))
}

/// A cell's text: names of users can have commas.
fn cell(text: &str) -> String {
    if text.contains(',') { format!("\"{text}\"") } else { text.to_owned() }
}

fn content(state: &State, snapshot: &Snapshot, context: &RequestContext) -> String {
    let scope = scope(context);
    let mut lines = vec![COLUMNS.join(","), root_line(state, snapshot, context)];
    let policy = snapshot.get::<PasswordPolicy>(&scope, PasswordPolicy::KEY);
    let max_age_days = policy.and_then(|policy| policy.max_age_days);
    for (_, user) in snapshot.scan::<User>(&scope) {
        let profile = login_profile::of_user(snapshot, context, &user);
        let mut cells = vec![cell(&user.name), cell(user.arn.as_str()), time(user.created)];
        cells.extend(password_cells(&user, profile.as_ref(), max_age_days));
        cells.push((!mfa_device::of_user(snapshot, context, &user).is_empty()).to_string());
        let owner = AccessKeyOwner::User { id: user.id.clone(), name: user.name.clone() };
        cells.extend(key_cells(state, context, access_key::of(snapshot, context, &owner)));
        cells.extend(certificate_cells(snapshot, context, &user.id));
        lines.push(cells.join(","));
    }
    lines.join("\n")
}

fn root_line(state: &State, snapshot: &Snapshot, context: &RequestContext) -> String {
    let account = context.account().to_string();
    let created = snapshot.get::<Account>(&scope(context), &account).map(|account| account.created);
    let mut cells = vec![
        ROOT.to_owned(),
        crate::arn(context, "root", "", "").to_string(),
        time(created.unwrap_or_default()),
        NOT_SUPPORTED.to_owned(),
        NO_INFORMATION.to_owned(),
        NOT_SUPPORTED.to_owned(),
        NOT_SUPPORTED.to_owned(),
        // The root user has no devices here.
        false.to_string(),
    ];
    cells.extend(key_cells(state, context, access_key::of(snapshot, context, &AccessKeyOwner::Root)));
    cells.extend(certificate_cells(snapshot, context, &account));
    cells.join(",")
}

fn password_cells(user: &User, profile: Option<&LoginProfile>, max_age_days: Option<u32>) -> [String; 4] {
    let Some(profile) = profile else {
        return ["false", NONE, NONE, NONE].map(str::to_owned);
    };
    let ends = max_age_days.map(|days| profile.changed.plus_millis(i64::from(days) * DAY_MILLIS));
    [
        true.to_string(),
        user.password_last_used.map_or_else(|| NO_INFORMATION.to_owned(), time),
        time(profile.changed),
        ends.map_or_else(|| NONE.to_owned(), time),
    ]
}

fn key_cells(state: &State, context: &RequestContext, mut keys: Vec<AccessKey>) -> Vec<String> {
    keys.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
    let mut cells = Vec::new();
    for index in 0..EACH {
        let Some(key) = keys.get(index) else {
            cells.extend(["false", NONE, NONE, NONE, NONE].map(str::to_owned));
            continue;
        };
        let used = state.uses.key(context.partition, &key.id);
        cells.push((key.status == AccessKeyStatus::Active).to_string());
        cells.push(time(key.created));
        match used {
            Some(used) => cells.extend([time(used.at), used.region, used.service]),
            None => cells.extend([NONE, NONE, NONE].map(str::to_owned)),
        }
    }
    cells
}

fn certificate_cells(snapshot: &Snapshot, context: &RequestContext, owner: &str) -> Vec<String> {
    let held = signing_certificate::of(snapshot, context, owner);
    let mut cells = Vec::new();
    for index in 0..EACH {
        match held.get(index) {
            Some(held) => cells.extend([held.is_active.to_string(), time(held.uploaded)]),
            None => cells.extend(["false", NONE].map(str::to_owned)),
        }
    }
    cells
}
