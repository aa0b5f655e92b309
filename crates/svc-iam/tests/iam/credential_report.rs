//! The credential report.

use super::certificates::self_signed;
use super::cloud::{Cloud, HOUR_MILLIS};
use aws_api::Unit;
use aws_api::iam::{self as api, operation as op};
use svc_iam::KeyUse;

fn lines(cloud: &Cloud) -> Vec<String> {
    let report = cloud.ok::<op::GetCredentialReport>(Unit);
    assert_eq!(report.report_format.as_deref(), Some("text/csv"));
    let text = String::from_utf8(report.content.unwrap().to_vec()).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn state(cloud: &Cloud) -> String {
    cloud.ok::<op::GenerateCredentialReport>(Unit).state.unwrap()
}

#[test]
fn a_report_is_of_use_for_four_hours() {
    let mut cloud = Cloud::new();
    cloud.refuses::<op::GetCredentialReport>(Unit, "ReportNotPresent: No report exists. Generate one first.");
    assert_eq!(state(&cloud), "STARTED");
    assert_eq!(cloud.ok::<op::GetCredentialReport>(Unit).generated_time, Some(cloud.now));
    let header = "user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated";
    assert_eq!(lines(&cloud)[0], header);
    cloud.user("Bob");
    cloud.now = cloud.now.plus_millis(4 * HOUR_MILLIS - 1);
    assert_eq!(state(&cloud), "COMPLETE");
    assert_eq!(lines(&cloud).len(), 2, "the report is of before");
    cloud.now = cloud.now.plus_millis(1);
    cloud.refuses::<op::GetCredentialReport>(
        Unit,
        "ReportExpired: The credential report is older than four hours. Generate a new one first.",
    );
    assert_eq!(state(&cloud), "STARTED");
    assert_eq!(lines(&cloud).len(), 3);
}

#[test]
fn users_are_shown_with_what_they_have() {
    let mut cloud = Cloud::new();
    let made = cloud.now;
    cloud.user("Bob");
    cloud.user("a,b");
    cloud.ok::<op::UpdateAccountPasswordPolicy>(api::UpdateAccountPasswordPolicyRequest {
        max_password_age: Some(1),
        ..Default::default()
    });
    cloud.ok::<op::CreateLoginProfile>(api::CreateLoginProfileRequest {
        user_name: Some("Bob".to_owned()),
        password: Some("Secret-1234".to_owned()),
        password_reset_required: None,
    });
    let key = cloud
        .ok::<op::CreateAccessKey>(api::CreateAccessKeyRequest { user_name: Some("Bob".to_owned()) })
        .access_key;
    let used = KeyUse { at: made, service: "s3".to_owned(), region: "eu-west-1".to_owned() };
    cloud.seen.keys.lock().unwrap().insert(key.access_key_id, used);
    cloud.ok::<op::UploadSigningCertificate>(api::UploadSigningCertificateRequest {
        user_name: Some("Bob".to_owned()),
        certificate_body: self_signed("bob").body,
    });
    cloud.now = cloud.now.plus_millis(1000);
    state(&cloud);
    let lines = lines(&cloud);
    let (time, next) = ("2027-01-15T08:00:00+00:00", "2027-01-16T08:00:00+00:00");
    let none = "false,N/A,N/A,N/A,N/A";
    let root = format!(
        "<root_account>,arn:aws:iam::123456789012:root,{},not_supported,no_information,not_supported,not_supported,false,{none},{none},false,N/A,false,N/A",
        lines[1].split(',').nth(2).unwrap()
    );
    assert_eq!(lines[1], root);
    let comma = format!(
        "\"a,b\",\"arn:aws:iam::123456789012:user/a,b\",{time},false,N/A,N/A,N/A,false,{none},{none},false,N/A,false,N/A"
    );
    assert_eq!(lines[2], comma);
    let bob = format!(
        "Bob,arn:aws:iam::123456789012:user/Bob,{time},true,no_information,{time},{next},false,true,{time},{time},eu-west-1,s3,{none},true,{time},false,N/A"
    );
    assert_eq!(lines[3], bob);
}
