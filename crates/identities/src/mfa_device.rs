//! Virtual MFA devices, and whether a code is one of theirs.
//!
//! Owns the record and the check, which `svc-iam` needs when a device is enabled and `svc-sts` when a session is asked for.
//! Codes are those of RFC 6238: HMAC-SHA-1, steps of 30 seconds, six digits.

use aws_types::{Arn, Tags, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use store::{Read as _, Record, Scope, Transaction};

use crate::name_key;

/// How long a code is shown.
const STEP_MILLIS: i64 = 30_000;
/// How far a device's clock may be from where it was when it was last seen, in steps.
const TOLERANCE_STEPS: i64 = 1;
/// How far it may be when it is enabled or brought in step again: an hour.
const SEARCH_STEPS: i64 = 120;
const CODES: u32 = 1_000_000;

/// A virtual MFA device. Kept under its account's global scope, by [`VirtualMfaDevice::key_of`] its serial number; part of the
/// user that has it, by the user's id.
///
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_VirtualMFADevice.html>
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VirtualMfaDevice {
    /// The serial number, which is its ARN.
    pub serial_number: Arn,
    /// The name.
    pub name: String,
    /// What its codes are made from.
    pub seed: Vec<u8>,
    /// When it was made.
    pub created: Timestamp,
    /// Whose it is, once it is enabled.
    pub assignment: Option<MfaAssignment>,
    /// The tags.
    pub tags: Tags,
}

/// That a user has a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaAssignment {
    /// The id of the user.
    pub user_id: String,
    /// Since when.
    pub enabled: Timestamp,
    /// How many steps the device's clock is ahead.
    pub ahead_steps: i64,
    /// The step of the last code that was used: no code can be used twice.
    pub last_step: i64,
}

/// Why a code does not prove anything. The texts are those of STS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MfaError {
    /// The user has no such device.
    #[error(
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
    )]
    NoDevice,
    /// The code is none of the device's, not of now, or was used before.
    #[error("MultiFactorAuthentication failed with invalid MFA one time pass code. ")]
    InvalidCode,
}

impl VirtualMfaDevice {
    /// The key of the record of a device with this serial number.
    pub fn key_of(serial_number: &str) -> String {
        name_key(serial_number)
    }

    /// Where its clock was when two codes in a row were shown, near `now`.
    fn step_of(&self, codes: [&str; 2], now: Timestamp) -> Option<i64> {
        let now_step = step(now);
        // The nearest first, so that a code that comes up twice is taken for the one that was meant.
        let mut near = (0..=SEARCH_STEPS).flat_map(|far| [now_step - far, now_step + far]);
        near.find(|step| {
            code(&self.seed, step - 1) == parse(codes[0]) && code(&self.seed, *step) == parse(codes[1])
        })
    }

    /// Whose the device becomes when two of its codes in a row show that it is in the user's hands. `None` when they are not.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html>
    pub fn assigned(&self, user_id: &str, codes: [&str; 2], now: Timestamp) -> Option<MfaAssignment> {
        let last_step = self.step_of(codes, now)?;
        let had = self.assignment.as_ref();
        // A code that was used before proves nothing when the device is brought in step again.
        if had.is_some_and(|had| last_step <= had.last_step) {
            return None;
        }
        Some(MfaAssignment {
            user_id: user_id.to_owned(),
            enabled: had.map_or(now, |had| had.enabled),
            ahead_steps: last_step - step(now),
            last_step,
        })
    }

    /// The code that the device shows at a time, if its clock is right.
    pub fn code_at(&self, time: Timestamp) -> String {
        format!("{:06}", code(&self.seed, step(time)).unwrap_or_default())
    }
}

/// Takes a code of a user's device, once.
///
/// # Errors
/// When the user has no such device, or the code is not of now or was used before.
pub fn verify(
    transaction: &mut Transaction,
    scope: &Scope,
    user_id: &str,
    serial_number: &str,
    code_shown: &str,
    now: Timestamp,
) -> Result<(), MfaError> {
    let key = VirtualMfaDevice::key_of(serial_number);
    let found = transaction.get::<VirtualMfaDevice>(scope, &key).ok_or(MfaError::NoDevice)?;
    let mut device = (*found).clone();
    let held = device.assignment.as_mut().filter(|held| held.user_id == user_id).ok_or(MfaError::NoDevice)?;
    let middle = step(now) + held.ahead_steps;
    let shown = parse(code_shown);
    let step = (middle - TOLERANCE_STEPS..=middle + TOLERANCE_STEPS)
        .find(|step| *step > held.last_step && code(&device.seed, *step) == shown)
        .ok_or(MfaError::InvalidCode)?;
    held.last_step = step;
    transaction.put(scope, &key, device);
    Ok(())
}

fn step(time: Timestamp) -> i64 {
    time.unix_millis().div_euclid(STEP_MILLIS)
}

/// What six digits stand for; nothing else is a code.
fn parse(text: &str) -> Option<u32> {
    let is_code = text.len() == 6 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_code)
}

/// The code of a step: RFC 4226, 5.3.
fn code(seed: &[u8], step: i64) -> Option<u32> {
    let mut mac = Hmac::<Sha1>::new_from_slice(seed).ok()?;
    mac.update(&step.to_be_bytes());
    let sum = mac.finalize().into_bytes();
    let offset = usize::from(sum.last()? & 0xf);
    let part: [u8; 4] = sum.get(offset..offset + 4)?.try_into().ok()?;
    Some((u32::from_be_bytes(part) & 0x7fff_ffff) % CODES)
}

/// Never prints the seed.
impl std::fmt::Debug for VirtualMfaDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VirtualMfaDevice")
            .field("serial_number", &self.serial_number)
            .field("assignment", &self.assignment)
            .finish_non_exhaustive()
    }
}

impl Record for VirtualMfaDevice {
    const KIND: &'static str = "iam.virtual-mfa-device";
    const HAS_WHOLE: bool = true;

    fn whole(&self) -> Option<String> {
        self.assignment.as_ref().map(|held| held.user_id.clone())
    }
}

#[cfg(test)]
mod tests {
    use aws_types::Partition;
    use store::{MemoryBackend, Store};

    use super::*;

    const SERIAL: &str = "arn:aws:iam::123456789012:mfa/phone";

    fn device() -> VirtualMfaDevice {
        VirtualMfaDevice {
            serial_number: SERIAL.parse().expect("an ARN"),
            name: "phone".to_owned(),
            seed: b"12345678901234567890".to_vec(),
            created: Timestamp::default(),
            assignment: None,
            tags: Tags::default(),
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        // Its appendix B has eight digits; six are the last of them.
        for (secs, expect) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(device().code_at(Timestamp::from_unix_secs(secs)), expect, "{secs}");
        }
        for other in ["", "12345", "1234567", "+12345", "12345a"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_device_is_assigned_by_two_codes_in_a_row() {
        let now = Timestamp::from_unix_secs(1_800_000_000);
        let at = |steps: i64| device().code_at(now.plus_millis(steps * STEP_MILLIS));
        let assigned = |one: i64, two: i64| device().assigned("AIDA1", [&at(one), &at(two)], now);
        assert_eq!(assigned(-1, 0).map(|held| held.ahead_steps), Some(0));
        assert_eq!(assigned(0, 1).map(|held| held.ahead_steps), Some(1));
        assert_eq!(assigned(-10, -9).map(|held| held.ahead_steps), Some(-9));
        for (one, two) in [(0, 0), (1, 0), (-2, 0), (-300, -299)] {
            assert_eq!(assigned(one, two), None, "{one} {two}");
        }
        let mut again = device();
        again.assignment = assigned(-1, 0);
        assert_eq!(again.assigned("AIDA1", [&at(-1), &at(0)], now), None, "they were used");
        let later = now.plus_millis(10 * STEP_MILLIS);
        let held = again.assigned("AIDA1", [&at(5), &at(6)], later).expect("they are new");
        assert_eq!((held.enabled, held.ahead_steps), (now, -4));
    }

    #[test]
    fn a_code_is_taken_once_and_only_of_its_user_and_time() {
        let store = Store::open(MemoryBackend::new()).expect("memory opens");
        let scope = Scope::global(Partition::Aws, "123456789012".parse().expect("twelve digits"));
        let now = Timestamp::from_unix_secs(1_800_000_000);
        let at = |steps: i64| device().code_at(now.plus_millis(steps * STEP_MILLIS));
        let mut held = device();
        held.assignment = held.assigned("AIDA1", [&at(-9), &at(-8)], now.plus_millis(-8 * STEP_MILLIS));
        assert!(held.assignment.is_some());
        let put = store.transact(|transaction| {
            transaction.put(&scope, &VirtualMfaDevice::key_of(SERIAL), held.clone());
            Ok::<_, store::StoreError>(())
        });
        assert!(put.is_ok());
        let check = |user: &str, serial: &str, code: &str| {
            // What a refusal has no store error for: the transaction's own answer is in it.
            let mut answer = Ok(());
            let done = store.transact(|transaction| {
                answer = verify(transaction, &scope, user, serial, code, now);
                Ok::<_, store::StoreError>(())
            });
            assert!(done.is_ok());
            answer
        };
        assert_eq!(check("AIDA2", SERIAL, &at(0)), Err(MfaError::NoDevice));
        assert_eq!(check("AIDA1", "arn:aws:iam::123456789012:mfa/other", &at(0)), Err(MfaError::NoDevice));
        assert_eq!(check("AIDA1", SERIAL, &at(3)), Err(MfaError::InvalidCode));
        assert_eq!(check("AIDA1", SERIAL, &at(-3)), Err(MfaError::InvalidCode));
        assert_eq!(check("AIDA1", SERIAL, &at(0)), Ok(()));
        assert_eq!(check("AIDA1", SERIAL, &at(0)), Err(MfaError::InvalidCode));
        assert_eq!(check("AIDA1", SERIAL, &at(-1)), Err(MfaError::InvalidCode), "an older one neither");
        assert_eq!(check("AIDA1", SERIAL, &at(1)), Ok(()));
    }
}
