use aws_api::account::{self as api, operation as op};

use crate::harness::*;

fn start(email: &str) -> api::StartPrimaryEmailUpdateRequest {
    api::StartPrimaryEmailUpdateRequest { account_id: MEMBER.to_owned(), primary_email: email.to_owned() }
}

fn accept(email: &str, otp: &str) -> api::AcceptPrimaryEmailUpdateRequest {
    api::AcceptPrimaryEmailUpdateRequest {
        account_id: MEMBER.to_owned(),
        primary_email: email.to_owned(),
        otp: otp.to_owned(),
    }
}

fn email(cloud: &Cloud) -> String {
    let input = api::GetPrimaryEmailRequest { account_id: MEMBER.to_owned() };
    cloud.ok::<op::GetPrimaryEmail>(MANAGEMENT, input).primary_email.unwrap()
}

/// The password in the last letter.
fn password(cloud: &Cloud) -> String {
    let letters = cloud.letters.0.lock().unwrap();
    let (_, text) = letters.last().unwrap();
    text.trim_end_matches('.').rsplit(' ').next().unwrap().to_owned()
}

#[test]
fn a_new_address_is_proved_by_what_was_sent_there() {
    let cloud = Cloud::organized();
    assert_eq!(email(&cloud), "member@example.com");
    let started = cloud.ok::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("new@example.com"));
    assert_eq!(started.status.as_deref(), Some("PENDING"));
    assert_eq!(cloud.letters.0.lock().unwrap()[0].0, "new@example.com");
    let invalid = "ValidationException";
    cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, accept("new@example.com", "000000"), invalid);
    let none = "ResourceNotFoundException";
    let otp = password(&cloud);
    cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, accept("other@example.com", &otp), none);
    assert_eq!(email(&cloud), "member@example.com");
    cloud.ok::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, accept("new@example.com", &otp));
    assert_eq!(email(&cloud), "new@example.com");
    cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, accept("new@example.com", &otp), none);
    // The old address is free, and the new one is not.
    let taken = "ConflictException";
    cloud.refuses::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("New@example.com"), taken);
    cloud.ok::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("member@example.com"));
}

#[test]
fn a_password_is_good_for_an_hour_and_five_tries() {
    let cloud = Cloud::organized();
    let none = "ResourceNotFoundException";
    cloud.ok::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("new@example.com"));
    cloud.now.set(cloud.now.get().plus_millis(60 * 60 * 1000 + 1));
    let right = || accept("new@example.com", &password(&cloud));
    cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, right(), none);
    cloud.ok::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("new@example.com"));
    for _ in 0..5 {
        let wrong = accept("new@example.com", "000000");
        cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, wrong, "ValidationException");
    }
    cloud.refuses::<op::AcceptPrimaryEmailUpdate>(MANAGEMENT, right(), none);
    assert_eq!(email(&cloud), "member@example.com");
}

#[test]
fn an_account_does_not_change_its_own_address() {
    let cloud = Cloud::organized();
    cloud.refuses::<op::StartPrimaryEmailUpdate>(MEMBER, start("new@example.com"), "AccessDeniedException");
    cloud.refuses::<op::StartPrimaryEmailUpdate>(MANAGEMENT, start("nowhere"), "ValidationException");
    assert_eq!(cloud.letters.0.lock().unwrap().len(), 0);
}
