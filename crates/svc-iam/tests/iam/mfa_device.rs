//! Virtual MFA devices.

use super::cloud::{By, Cloud, HOUR_MILLIS, pairs, tags};
use aws_api::Operation;
use aws_api::iam::{self as api, operation as op};
use aws_model::Value;
use aws_types::Timestamp;
use identities::VirtualMfaDevice;

const PHONE: &str = "arn:aws:iam::123456789012:mfa/phone";
const STEP_MILLIS: i64 = 30_000;

fn create(name: &str) -> api::CreateVirtualMFADeviceRequest {
    api::CreateVirtualMFADeviceRequest { virtual_mfa_device_name: name.to_owned(), ..Default::default() }
}

/// An authenticator that was shown the picture or told the seed.
struct Authenticator(VirtualMfaDevice);

impl Authenticator {
    fn new(seed: &str) -> Self {
        let mut bits = String::new();
        for letter in seed.bytes() {
            let value = match letter {
                b'A'..=b'Z' => letter - b'A',
                _ => letter - b'2' + 26,
            };
            bits.push_str(&format!("{value:05b}"));
        }
        let bits = bits.as_bytes().chunks_exact(8);
        let seed = bits.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap());
        Self(VirtualMfaDevice {
            serial_number: PHONE.parse().unwrap(),
            name: String::new(),
            seed: seed.collect(),
            created: Timestamp::default(),
            assignment: None,
            tags: Default::default(),
            codes: Default::default(),
        })
    }

    fn codes(&self, now: Timestamp, steps: i64) -> [String; 2] {
        [steps - 1, steps].map(|steps| self.0.code_at(now.plus_millis(steps * STEP_MILLIS)))
    }

    fn enable(&self, cloud: &Cloud, user: &str, serial: &str) -> api::EnableMFADeviceRequest {
        let [one, two] = self.codes(cloud.now, 0);
        api::EnableMFADeviceRequest {
            user_name: user.to_owned(),
            serial_number: serial.to_owned(),
            authentication_code1: one,
            authentication_code2: two,
        }
    }
}

fn made(cloud: &Cloud, name: &str) -> Authenticator {
    let made = cloud.ok::<op::CreateVirtualMFADevice>(create(name)).virtual_mfa_device;
    Authenticator::new(std::str::from_utf8(&made.base32_string_seed.unwrap()).unwrap())
}

/// Refuses codes. That they were wrong is counted, so that something is written.
#[track_caller]
fn refuses_codes<O: Operation>(cloud: &Cloud, input: O::Input)
where
    O::Input: Into<Value>,
    O::Output: TryFrom<Value>,
{
    let Err(error) = cloud.call::<O>(&By::Root, input) else { panic!("{} took them", O::NAME) };
    let expect = "InvalidAuthenticationCode: Authentication code for device is not valid.";
    assert_eq!((error.to_string().as_str(), error.is_fault), (expect, false));
}

fn of_user(name: &str) -> api::ListMFADevicesRequest {
    api::ListMFADevicesRequest { user_name: Some(name.to_owned()), ..Default::default() }
}

fn delete(serial: &str) -> api::DeleteVirtualMFADeviceRequest {
    api::DeleteVirtualMFADeviceRequest { serial_number: serial.to_owned() }
}

#[test]
fn the_picture_says_what_the_seed_is() {
    let cloud = Cloud::new();
    let made = cloud.ok::<op::CreateVirtualMFADevice>(create("phone")).virtual_mfa_device;
    assert_eq!(made.serial_number, PHONE);
    let seed = String::from_utf8(made.base32_string_seed.unwrap().to_vec()).unwrap();
    assert_eq!(seed.len(), 64);
    let file = made.qr_code_png.unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(&file)).read_info().unwrap();
    let mut dots = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut dots).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| dots[y * width + x]);
    let (_, text) = picture.detect_grids()[0].decode().unwrap();
    assert_eq!(text, format!("otpauth://totp/phone@123456789012?secret={seed}"));
    cloud.refuses::<op::CreateVirtualMFADevice>(
        create("phone"),
        "EntityAlreadyExists: MFADevice entity at the same path and name already exists.",
    );
    let elsewhere = api::CreateVirtualMFADeviceRequest { path: Some("/a/".to_owned()), ..create("phone") };
    let other = cloud.ok::<op::CreateVirtualMFADevice>(elsewhere).virtual_mfa_device;
    assert_eq!(other.serial_number, "arn:aws:iam::123456789012:mfa/a/phone");
    assert_ne!(other.base32_string_seed.unwrap(), seed.as_bytes());
}

#[test]
fn a_device_is_enabled_by_two_of_its_codes_in_a_row() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    cloud.user("Eve");
    let phone = made(&cloud, "phone");
    let right = phone.enable(&cloud, "Bob", PHONE);
    let wrong = api::EnableMFADeviceRequest {
        authentication_code2: right.authentication_code1.clone(),
        ..right.clone()
    };
    refuses_codes::<op::EnableMFADevice>(&cloud, wrong);
    cloud.refuses::<op::EnableMFADevice>(
        phone.enable(&cloud, "Bob", "arn:aws:iam::123456789012:mfa/other"),
        "NoSuchEntity: VirtualMFADevice with serial number arn:aws:iam::123456789012:mfa/other doesn't exist.",
    );
    cloud.ok::<op::EnableMFADevice>(right);
    cloud.refuses::<op::EnableMFADevice>(
        phone.enable(&cloud, "Eve", PHONE),
        "EntityAlreadyExists: MFA Device is already in use.",
    );
    let devices = cloud.ok::<op::ListMFADevices>(of_user("Bob")).mfa_devices;
    let expected = api::MFADevice {
        user_name: "Bob".to_owned(),
        serial_number: PHONE.to_owned(),
        enable_date: cloud.now,
    };
    assert_eq!(devices, std::slice::from_ref(&expected));
    let own = cloud.ok_by::<op::ListMFADevices>(&By::User("Bob"), Default::default()).mfa_devices;
    assert_eq!(own, [expected]);
    assert!(cloud.ok::<op::ListMFADevices>(of_user("Eve")).mfa_devices.is_empty());
    let get = |user: Option<&str>| api::GetMFADeviceRequest {
        serial_number: PHONE.to_owned(),
        user_name: user.map(str::to_owned),
    };
    for user in [Some("Bob"), None] {
        let shown = cloud.ok::<op::GetMFADevice>(get(user));
        assert_eq!((shown.user_name.as_deref(), shown.enable_date), (Some("Bob"), Some(cloud.now)));
    }
    let invalid = "NoSuchEntity: MFA Device invalid for user.";
    cloud.refuses::<op::GetMFADevice>(get(Some("Eve")), invalid);

    cloud.refuses::<op::DeleteUser>(
        api::DeleteUserRequest { user_name: "Bob".to_owned() },
        "DeleteConflict: Cannot delete entity, must delete MFA device first.",
    );
    cloud.refuses::<op::DeleteVirtualMFADevice>(
        delete(PHONE),
        "DeleteConflict: MFA VirtualDevice in use. Must deactivate first.",
    );
    let deactivate = |user: &str| api::DeactivateMFADeviceRequest {
        user_name: Some(user.to_owned()),
        serial_number: PHONE.to_owned(),
    };
    cloud.refuses::<op::DeactivateMFADevice>(deactivate("Eve"), invalid);
    cloud.ok::<op::DeactivateMFADevice>(deactivate("Bob"));
    assert!(cloud.ok::<op::ListMFADevices>(of_user("Bob")).mfa_devices.is_empty());
    cloud.ok::<op::DeleteVirtualMFADevice>(delete(PHONE));
    cloud.refuses::<op::DeleteVirtualMFADevice>(
        delete(PHONE),
        "NoSuchEntity: VirtualMFADevice with serial number arn:aws:iam::123456789012:mfa/phone doesn't exist.",
    );
}

#[test]
fn codes_are_not_guessed_by_trying() {
    let mut cloud = Cloud::new();
    cloud.user("Bob");
    let phone = made(&cloud, "phone");
    for _ in 0..identities::mfa_device::WRONG_IN_A_ROW_MAX {
        let [one, _] = phone.codes(cloud.now, 500);
        let guessed = api::EnableMFADeviceRequest {
            authentication_code1: one.clone(),
            authentication_code2: one,
            ..phone.enable(&cloud, "Bob", PHONE)
        };
        refuses_codes::<op::EnableMFADevice>(&cloud, guessed);
    }
    // Nor is a right one looked at now.
    let revision = cloud.store.snapshot().revision();
    refuses_codes::<op::EnableMFADevice>(&cloud, phone.enable(&cloud, "Bob", PHONE));
    assert_eq!(cloud.store.snapshot().revision(), revision);
    cloud.now = cloud.now.plus_millis(identities::mfa_device::PAUSE_MILLIS);
    let right = phone.enable(&cloud, "Bob", PHONE);
    cloud.ok::<op::EnableMFADevice>(right.clone());
    // What was used is of no use to whoever has the device next.
    cloud.user("Eve");
    cloud.ok::<op::DeactivateMFADevice>(api::DeactivateMFADeviceRequest {
        user_name: Some("Bob".to_owned()),
        serial_number: PHONE.to_owned(),
    });
    let of_eve = api::EnableMFADeviceRequest { user_name: "Eve".to_owned(), ..right };
    refuses_codes::<op::EnableMFADevice>(&cloud, of_eve);
    cloud.now = cloud.now.plus_millis(2 * STEP_MILLIS);
    cloud.ok::<op::EnableMFADevice>(phone.enable(&cloud, "Eve", PHONE));
}

#[test]
fn a_device_whose_clock_is_wrong_is_brought_in_step() {
    let mut cloud = Cloud::new();
    let bob = cloud.user("Bob");
    let phone = made(&cloud, "phone");
    cloud.ok::<op::EnableMFADevice>(phone.enable(&cloud, "Bob", PHONE));
    cloud.now = cloud.now.plus_millis(HOUR_MILLIS);
    // The device is five minutes ahead now.
    let [one, two] = phone.codes(cloud.now, 10);
    let take = |code: &str| {
        let scope = store::Scope::global(aws_types::Partition::Aws, super::cloud::ACCOUNT.parse().unwrap());
        cloud.store.transact(|transaction| {
            let verify = identities::mfa_device::verify;
            let taken = verify(transaction, &scope, &bob.user_id, PHONE, code, cloud.now);
            Ok::<_, store::StoreError>(taken)
        })
    };
    assert!(take(&two).unwrap().is_err());
    let resync = |one: &str, two: &str| api::ResyncMFADeviceRequest {
        user_name: "Bob".to_owned(),
        serial_number: PHONE.to_owned(),
        authentication_code1: one.to_owned(),
        authentication_code2: two.to_owned(),
    };
    refuses_codes::<op::ResyncMFADevice>(&cloud, resync(&two, &one));
    cloud.ok::<op::ResyncMFADevice>(resync(&one, &two));
    assert!(take(&two).unwrap().is_err(), "it was used");
    assert!(take(&phone.codes(cloud.now, 11)[1]).unwrap().is_ok());
}

#[test]
fn a_user_has_eight_devices_at_most_and_lists_tell_them_apart() {
    let cloud = Cloud::new();
    cloud.user("Bob");
    for number in 0..9 {
        let name = format!("d{number}");
        let device = made(&cloud, &name);
        let enable = device.enable(&cloud, "Bob", &format!("arn:aws:iam::123456789012:mfa/{name}"));
        if number < 8 {
            cloud.ok::<op::EnableMFADevice>(enable);
        } else {
            let expect = "LimitExceeded: Cannot exceed quota for MfaDevicesPerUser: 8";
            cloud.refuses::<op::EnableMFADevice>(enable, expect);
        }
    }
    let list = |status: Option<&str>, marker: Option<String>| {
        cloud.ok::<op::ListVirtualMFADevices>(api::ListVirtualMFADevicesRequest {
            assignment_status: status.map(str::to_owned),
            max_items: Some(6),
            marker,
        })
    };
    let first = list(Some("Assigned"), None);
    let second = list(Some("Assigned"), first.marker.clone());
    let all: Vec<_> = first.virtual_mfa_devices.into_iter().chain(second.virtual_mfa_devices).collect();
    assert_eq!((all.len(), second.marker), (8, None));
    assert!(all.iter().all(|device| {
        let user = device.user.as_ref().unwrap();
        user.user_name == "Bob" && device.base32_string_seed.is_none() && device.qr_code_png.is_none()
    }));
    let free = list(Some("Unassigned"), None).virtual_mfa_devices;
    assert_eq!(free.len(), 1);
    assert_eq!((free[0].user.as_ref(), free[0].enable_date), (None, None));
    assert_eq!(list(None, None).is_truncated, Some(true));
}

#[test]
fn devices_have_tags() {
    let cloud = Cloud::new();
    cloud.ok::<op::CreateVirtualMFADevice>(api::CreateVirtualMFADeviceRequest {
        tags: Some(tags(&[("a", "1")])),
        ..create("phone")
    });
    let serial_number = PHONE.to_owned();
    cloud.ok::<op::TagMFADevice>(api::TagMFADeviceRequest {
        serial_number: serial_number.clone(),
        tags: tags(&[("b", "2")]),
    });
    cloud.ok::<op::UntagMFADevice>(api::UntagMFADeviceRequest {
        serial_number: serial_number.clone(),
        tag_keys: vec!["a".to_owned()],
    });
    let listed = cloud
        .ok::<op::ListMFADeviceTags>(api::ListMFADeviceTagsRequest { serial_number, ..Default::default() });
    assert_eq!(pairs(&listed.tags), [("b", "2")]);
}
