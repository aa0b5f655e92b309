//! MFA devices: virtual ones, made, given to users and taken from them.
//!
//! Owns the operations and the picture that an authenticator reads. Whether a code is a device's is said in `identities`,
//! because STS asks too. There are no devices of hardware, and the root user has none.
//!
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html>

use std::collections::BTreeMap;

use aws_api::Unit;
use aws_api::iam::{
    self as api, CreateVirtualMFADeviceRequest, CreateVirtualMFADeviceResponse, DeactivateMFADeviceRequest,
    DeleteVirtualMFADeviceRequest, EnableMFADeviceRequest, GetMFADeviceRequest, GetMFADeviceResponse,
    ListMFADeviceTagsRequest, ListMFADeviceTagsResponse, ListMFADevicesRequest, ListMFADevicesResponse,
    ListVirtualMFADevicesRequest, ListVirtualMFADevicesResponse, ResyncMFADeviceRequest, TagMFADeviceRequest,
    UntagMFADeviceRequest, operation as op,
};
use identities::{MfaCodes, MfaError, User, VirtualMfaDevice, alias_of};
use service_api::{Operations, RequestContext, ServiceError};
use store::{Read, Transaction};

use crate::caller::{Subject, subject};
use crate::quota::Quota;
use crate::tag::{self, KeyCase};
use crate::{State, arn, error, page, path, qr_code, scope, user};

/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa.html>
const DEVICES_PER_USER: Quota = Quota("MfaDevicesPerUser", 8);
/// The text of a seed has 64 characters.
const SEED_BYTES: usize = 40;

pub(crate) fn operations(table: Operations<State>) -> Operations<State> {
    table
        .with::<op::CreateVirtualMFADevice>(create)
        .with::<op::DeleteVirtualMFADevice>(delete)
        .with::<op::ListVirtualMFADevices>(list_virtual)
        .with::<op::EnableMFADevice>(enable)
        .with::<op::DeactivateMFADevice>(deactivate)
        .with::<op::ResyncMFADevice>(resync)
        .with::<op::ListMFADevices>(list)
        .with::<op::GetMFADevice>(get)
        .with::<op::TagMFADevice>(tag)
        .with::<op::UntagMFADevice>(untag)
        .with::<op::ListMFADeviceTags>(list_tags)
}

/// A user with a device is not deleted.
pub(crate) fn held_by_user(
    transaction: &Transaction,
    context: &RequestContext,
    user: &User,
) -> Option<ServiceError> {
    let is_held = !of_user(transaction, context, user).is_empty();
    is_held.then(|| error::delete_conflict("Cannot delete entity, must delete MFA device first."))
}

/// The devices of a user, in the order of their serial numbers.
pub(crate) fn of_user(reader: &impl Read, context: &RequestContext, user: &User) -> Vec<VirtualMfaDevice> {
    let held = reader.parts::<VirtualMfaDevice>(&scope(context), &user.id);
    held.map(|(_, device)| (*device).clone()).collect()
}

fn find(
    reader: &impl Read,
    context: &RequestContext,
    serial_number: &str,
) -> Result<VirtualMfaDevice, ServiceError> {
    let key = VirtualMfaDevice::key_of(serial_number);
    let found = reader.get::<VirtualMfaDevice>(&scope(context), &key).map(|device| (*device).clone());
    found.ok_or_else(|| {
        error::no_such_entity(format!("VirtualMFADevice with serial number {serial_number} doesn't exist."))
    })
}

/// The device with this serial number, which has to be this user's.
fn find_of(
    reader: &impl Read,
    context: &RequestContext,
    user: &User,
    serial_number: &str,
) -> Result<VirtualMfaDevice, ServiceError> {
    let device = find(reader, context, serial_number)?;
    if device.assignment.as_ref().is_none_or(|held| held.user_id != user.id) {
        return Err(error::no_such_entity("MFA Device invalid for user."));
    }
    Ok(device)
}

fn put(transaction: &mut Transaction, context: &RequestContext, device: VirtualMfaDevice) {
    let key = VirtualMfaDevice::key_of(device.serial_number.as_str());
    transaction.put(&scope(context), &key, device);
}

/// The key that pages are sorted by: a path can have more characters than a marker.
fn page_key(device: &VirtualMfaDevice) -> String {
    page::short_key(&VirtualMfaDevice::key_of(device.serial_number.as_str()))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateVirtualMFADevice.html>
fn create(
    state: &State,
    context: &RequestContext,
    request: CreateVirtualMFADeviceRequest,
) -> Result<CreateVirtualMFADeviceResponse, ServiceError> {
    let name = request.virtual_mfa_device_name;
    let tags = tag::of(KeyCase::Kept, request.tags)?;
    let mut seed: Vec<u8> =
        std::iter::repeat_with(|| state.ids.bits().to_be_bytes()).take(3).flatten().collect();
    seed.truncate(SEED_BYTES);
    let device = VirtualMfaDevice {
        serial_number: arn(context, "mfa", &path(request.path), &name),
        name,
        seed,
        created: context.now,
        assignment: None,
        tags,
        codes: MfaCodes::default(),
    };
    let snapshot = state.store.snapshot();
    let account = alias_of(&snapshot, context.partition, context.account());
    let account = account.unwrap_or_else(|| context.account().to_string());
    let secret = base32(&device.seed);
    let picture = qr_code::png(&format!("otpauth://totp/{}@{account}?secret={secret}", device.name))?;
    let answer = api::VirtualMFADevice {
        serial_number: device.serial_number.to_string(),
        base32_string_seed: Some(secret.into_bytes().into()),
        qr_code_png: Some(picture.into()),
        user: None,
        enable_date: None,
        tags: (!device.tags.is_empty()).then(|| tag::shown(&device.tags)),
    };
    state.store.transact(|transaction| {
        if find(transaction, context, device.serial_number.as_str()).is_ok() {
            return Err(error::already_exists("MFADevice entity at the same path and name already exists."));
        }
        put(transaction, context, device);
        Ok(CreateVirtualMFADeviceResponse { virtual_mfa_device: answer })
    })
}

/// RFC 4648, 6. The seed's bytes are a multiple of five, so nothing is left to pad.
fn base32(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut text = String::new();
    for five in bytes.chunks(5) {
        let bits = five.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let digit = |at: u32| (bits >> (5 * (7 - at))) as usize & 31;
        text.extend((0..8).map(|at| char::from(ALPHABET[digit(at)])));
    }
    text
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteVirtualMFADevice.html>
fn delete(
    state: &State,
    context: &RequestContext,
    request: DeleteVirtualMFADeviceRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let device = find(transaction, context, &request.serial_number)?;
        if device.assignment.is_some() {
            return Err(error::delete_conflict("MFA VirtualDevice in use. Must deactivate first."));
        }
        let key = VirtualMfaDevice::key_of(&request.serial_number);
        transaction.delete::<VirtualMfaDevice>(&scope(context), &key);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListVirtualMFADevices.html>
fn list_virtual(
    state: &State,
    context: &RequestContext,
    request: ListVirtualMFADevicesRequest,
) -> Result<ListVirtualMFADevicesResponse, ServiceError> {
    let wanted = match request.assignment_status.as_deref() {
        Some("Assigned") => Some(true),
        Some("Unassigned") => Some(false),
        _ => None,
    };
    let snapshot = state.store.snapshot();
    let scope = scope(context);
    let mut found: Vec<_> = snapshot
        .scan::<VirtualMfaDevice>(&scope)
        .filter(|(_, device)| wanted.is_none_or(|wanted| wanted == device.assignment.is_some()))
        .map(|(_, device)| (page_key(&device), device))
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    // Records of users are found by name, devices know them by id.
    let users: BTreeMap<_, _> =
        snapshot.scan::<User>(&scope).map(|(_, user)| (user.id.clone(), user)).collect();
    let shown = page.items.iter().map(|device| {
        let held = device.assignment.as_ref();
        let user = held.and_then(|held| users.get(&held.user_id));
        api::VirtualMFADevice {
            serial_number: device.serial_number.to_string(),
            user: user.map(|user| user::listed(user)),
            enable_date: held.map(|held| held.enabled),
            ..api::VirtualMFADevice::default()
        }
    });
    Ok(ListVirtualMFADevicesResponse {
        is_truncated: page.is_truncated(),
        virtual_mfa_devices: shown.collect(),
        marker: page.marker,
    })
}

/// Gives a device to a user by two codes. What is kept of wrong ones is committed, too.
fn assign(
    transaction: &mut Transaction,
    context: &RequestContext,
    user: &User,
    mut device: VirtualMfaDevice,
    codes: [&str; 2],
) -> Result<(), MfaError> {
    let before = device.clone();
    let assigned = device.assign(&user.id, codes, context.now);
    if device != before {
        put(transaction, context, device);
    }
    assigned
}

/// What a request for two codes answers.
fn answer(assigned: Result<(), MfaError>) -> Result<Unit, ServiceError> {
    let invalid =
        |_| ServiceError::new("InvalidAuthenticationCode", "Authentication code for device is not valid.");
    assigned.map(|()| Unit).map_err(invalid)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html>
fn enable(
    state: &State,
    context: &RequestContext,
    request: EnableMFADeviceRequest,
) -> Result<Unit, ServiceError> {
    let assigned = state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let device = find(transaction, context, &request.serial_number)?;
        if device.assignment.is_some() {
            return Err(error::already_exists("MFA Device is already in use."));
        }
        DEVICES_PER_USER.check(of_user(transaction, context, &user).len() + 1)?;
        let codes = [request.authentication_code1.as_str(), request.authentication_code2.as_str()];
        Ok(assign(transaction, context, &user, device, codes))
    })?;
    answer(assigned)
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ResyncMFADevice.html>
fn resync(
    state: &State,
    context: &RequestContext,
    request: ResyncMFADeviceRequest,
) -> Result<Unit, ServiceError> {
    let assigned = state.store.transact(|transaction| {
        let user = user::find(transaction, context, &request.user_name)?;
        let device = find_of(transaction, context, &user, &request.serial_number)?;
        let codes = [request.authentication_code1.as_str(), request.authentication_code2.as_str()];
        Ok::<_, ServiceError>(assign(transaction, context, &user, device, codes))
    })?;
    answer(assigned)
}

/// The device that a request is about, of the user that it names or that asks.
fn held(
    reader: &impl Read,
    context: &RequestContext,
    name: Option<&str>,
    serial_number: &str,
) -> Result<(User, VirtualMfaDevice), ServiceError> {
    let Subject::User(user) = subject(reader, context, name)? else {
        // The root user has none.
        return Err(error::no_such_entity("MFA Device invalid for user."));
    };
    let device = find_of(reader, context, &user, serial_number)?;
    Ok((user, device))
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeactivateMFADevice.html>
fn deactivate(
    state: &State,
    context: &RequestContext,
    request: DeactivateMFADeviceRequest,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let name = request.user_name.as_deref();
        let (_, mut device) = held(transaction, context, name, &request.serial_number)?;
        device.assignment = None;
        put(transaction, context, device);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADevices.html>
fn list(
    state: &State,
    context: &RequestContext,
    request: ListMFADevicesRequest,
) -> Result<ListMFADevicesResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let found = match subject(&snapshot, context, request.user_name.as_deref())? {
        Subject::Root => Vec::new(),
        Subject::User(user) => {
            let shown = |device: VirtualMfaDevice| {
                let key = page_key(&device);
                let enabled = device.assignment.map(|held| held.enabled).unwrap_or_default();
                let device = api::MFADevice {
                    user_name: user.name.clone(),
                    serial_number: device.serial_number.to_string(),
                    enable_date: enabled,
                };
                (key, device)
            };
            of_user(&snapshot, context, &user).into_iter().map(shown).collect()
        }
    };
    let page = page::take(found, request.marker.as_deref(), request.max_items)?;
    Ok(ListMFADevicesResponse {
        is_truncated: page.is_truncated(),
        mfa_devices: page.items,
        marker: page.marker,
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetMFADevice.html>
fn get(
    state: &State,
    context: &RequestContext,
    request: GetMFADeviceRequest,
) -> Result<GetMFADeviceResponse, ServiceError> {
    let snapshot = state.store.snapshot();
    let (user, device) = match request.user_name.as_deref() {
        Some(name) => {
            let (user, device) = held(&snapshot, context, Some(name), &request.serial_number)?;
            (Some(user), device)
        }
        None => {
            let device = find(&snapshot, context, &request.serial_number)?;
            let id = device.assignment.as_ref().map(|held| held.user_id.as_str());
            let mut users = snapshot.scan::<User>(&scope(context)).map(|(_, user)| user);
            let user = users.find(|user| Some(user.id.as_str()) == id).map(|user| (*user).clone());
            (user, device)
        }
    };
    Ok(GetMFADeviceResponse {
        user_name: user.map(|user| user.name),
        serial_number: device.serial_number.to_string(),
        enable_date: device.assignment.map(|held| held.enabled),
        // Those of keys of FIDO; virtual devices have none.
        certifications: None,
    })
}

fn change(
    state: &State,
    context: &RequestContext,
    serial_number: &str,
    change: impl FnOnce(&mut VirtualMfaDevice) -> Result<(), ServiceError>,
) -> Result<Unit, ServiceError> {
    state.store.transact(|transaction| {
        let mut device = find(transaction, context, serial_number)?;
        change(&mut device)?;
        put(transaction, context, device);
        Ok(Unit)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_TagMFADevice.html>
fn tag(state: &State, context: &RequestContext, request: TagMFADeviceRequest) -> Result<Unit, ServiceError> {
    change(state, context, &request.serial_number, |device| {
        tag::add(KeyCase::Kept, &mut device.tags, request.tags)
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_UntagMFADevice.html>
fn untag(
    state: &State,
    context: &RequestContext,
    request: UntagMFADeviceRequest,
) -> Result<Unit, ServiceError> {
    change(state, context, &request.serial_number, |device| {
        tag::remove(KeyCase::Kept, &mut device.tags, &request.tag_keys);
        Ok(())
    })
}

/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_ListMFADeviceTags.html>
fn list_tags(
    state: &State,
    context: &RequestContext,
    request: ListMFADeviceTagsRequest,
) -> Result<ListMFADeviceTagsResponse, ServiceError> {
    let device = find(&state.store.snapshot(), context, &request.serial_number)?;
    let page = page::take(tag::keyed(&device.tags), request.marker.as_deref(), request.max_items)?;
    Ok(ListMFADeviceTagsResponse { is_truncated: page.is_truncated(), tags: page.items, marker: page.marker })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_is_that_of_rfc_4648() {
        assert_eq!(base32(b"foobarfoob"), "MZXW6YTBOJTG633C");
        assert_eq!(base32(&[0xff; 5]), "77777777");
    }
}
