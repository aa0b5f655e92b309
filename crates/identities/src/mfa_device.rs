//! Virtual MFA devices, and whether a code is one of theirs.
//!
//! Owns the record and the check, which `svc-iam` needs when a device is enabled and `svc-sts` when a session is asked for, and
//! how often codes are guessed: after [`WRONG_IN_A_ROW_MAX`] wrong ones none is looked at for a while.
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
/// After so many wrong codes in a row no code of the device is looked at for [`PAUSE_MILLIS`], after the next wrong one for twice
/// as long, then for three times, up to [`PAUSE_MILLIS_MAX`]. AWS does not publish how it limits guesses. Three codes of a
/// million are good at a time, and once the pauses are an hour long there are 24 guesses a day: less than three chances in
/// a hundred within a year.
///
/// <https://www.rfc-editor.org/rfc/rfc4226#section-7.3>
pub const WRONG_IN_A_ROW_MAX: u32 = 5;
/// See [`WRONG_IN_A_ROW_MAX`].
pub const PAUSE_MILLIS: i64 = 60_000;
/// See [`WRONG_IN_A_ROW_MAX`].
pub const PAUSE_MILLIS_MAX: i64 = 3_600_000;

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
    /// What came of its codes, whoever had it when.
    #[serde(default)]
    pub codes: MfaCodes,
}

/// What came of the codes of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MfaCodes {
    /// The step of the last one that was taken: none is taken twice.
    pub last_step: Option<i64>,
    /// How many wrong ones came in a row.
    pub wrong: u32,
    /// Until when none is looked at.
    pub paused_until: Option<Timestamp>,
}

impl MfaCodes {
    fn are_looked_at(&self, now: Timestamp) -> bool {
        self.paused_until.is_none_or(|until| until <= now)
    }

    /// Takes what came of codes that were looked at: the step of the last of them, or none.
    fn taken(&mut self, step: Option<i64>, now: Timestamp) -> Result<i64, MfaError> {
        let Some(step) = step else {
            self.wrong = self.wrong.saturating_add(1);
            let pauses = i64::from(self.wrong) - i64::from(WRONG_IN_A_ROW_MAX) + 1;
            let pause_millis = pauses.saturating_mul(PAUSE_MILLIS).min(PAUSE_MILLIS_MAX);
            self.paused_until = (pauses > 0).then(|| now.plus_millis(pause_millis));
            return Err(MfaError::InvalidCode);
        };
        *self = Self { last_step: Some(step), ..Self::default() };
        Ok(step)
    }
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
    /// The code is none of the device's, not of now, or was used before; or too many wrong ones came before it.
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

    /// The step of the last code that was taken. Older builds kept it with the user.
    fn last_step(&self) -> Option<i64> {
        self.codes.last_step.max(self.assignment.as_ref().map(|held| held.last_step))
    }

    /// Makes the device a user's when two of its codes in a row show that it is in the user's hands.
    ///
    /// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_EnableMFADevice.html>
    ///
    /// # Errors
    /// When they do not. What is to be kept of that is in the device, too.
    pub fn assign(&mut self, user_id: &str, codes: [&str; 2], now: Timestamp) -> Result<(), MfaError> {
        if !self.codes.are_looked_at(now) {
            return Err(MfaError::InvalidCode);
        }
        // A code that was used before proves nothing when the device is brought in step again, or given to somebody else.
        let shown = self.step_of(codes, now).filter(|step| self.last_step().is_none_or(|last| *step > last));
        let last_step = self.codes.taken(shown, now)?;
        self.assignment = Some(MfaAssignment {
            user_id: user_id.to_owned(),
            enabled: self.assignment.as_ref().map_or(now, |had| had.enabled),
            ahead_steps: last_step - step(now),
            last_step,
        });
        Ok(())
    }

    /// Takes a code of the user who has the device.
    fn take(&mut self, user_id: &str, code_shown: &str, now: Timestamp) -> Result<(), MfaError> {
        let last_step = self.last_step();
        let Some(held) = self.assignment.as_mut().filter(|held| held.user_id == user_id) else {
            return Err(MfaError::NoDevice);
        };
        if !self.codes.are_looked_at(now) {
            return Err(MfaError::InvalidCode);
        }
        let middle = step(now) + held.ahead_steps;
        let shown = parse(code_shown);
        let mut near = middle - TOLERANCE_STEPS..=middle + TOLERANCE_STEPS;
        let step = near.find(|step| Some(*step) > last_step && code(&self.seed, *step) == shown);
        held.last_step = self.codes.taken(step, now)?;
        Ok(())
    }

    /// The code that the device shows at a time, if its clock is right.
    pub fn code_at(&self, time: Timestamp) -> String {
        format!("{:06}", code(&self.seed, step(time)).unwrap_or_default())
    }
}

/// Takes a code of a user's device, once.
///
/// # Errors
/// When the user has no such device, or the code is not of now or was used before. The transaction is to be committed then, too:
/// it counts what was wrong.
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
    let taken = device.take(user_id, code_shown, now);
    if device != *found {
        transaction.put(scope, &key, device);
    }
    taken
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
            codes: MfaCodes::default(),
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
        let assigned = |one: i64, two: i64| {
            let mut device = device();
            let assigned = device.assign("AIDA1", [&at(one), &at(two)], now);
            assigned.ok().and(device.assignment)
        };
        assert_eq!(assigned(-1, 0).map(|held| held.ahead_steps), Some(0));
        assert_eq!(assigned(0, 1).map(|held| held.ahead_steps), Some(1));
        assert_eq!(assigned(-10, -9).map(|held| held.ahead_steps), Some(-9));
        for (one, two) in [(0, 0), (1, 0), (-2, 0), (-300, -299)] {
            assert_eq!(assigned(one, two), None, "{one} {two}");
        }
        let mut again = device();
        let invalid = Err(MfaError::InvalidCode);
        assert_eq!(again.assign("AIDA1", [&at(-1), &at(0)], now), Ok(()));
        assert_eq!(again.assign("AIDA1", [&at(-1), &at(0)], now), invalid, "they were used");
        let later = now.plus_millis(10 * STEP_MILLIS);
        assert_eq!(again.assign("AIDA1", [&at(5), &at(6)], later), Ok(()), "they are new");
        let held = again.assignment.take().expect("it is assigned");
        assert_eq!((held.enabled, held.ahead_steps), (now, -4));
        // Nor do used ones prove anything once it was taken from its user.
        assert_eq!(again.assign("AIDA2", [&at(5), &at(6)], later), invalid);
        assert_eq!(again.assign("AIDA2", [&at(6), &at(7)], later), Ok(()));
    }

    #[test]
    fn after_five_wrong_codes_none_is_looked_at_for_a_while() {
        let mut now = Timestamp::from_unix_secs(1_800_000_000);
        let mut phone = device();
        let code = |now: Timestamp| device().code_at(now);
        let two = [code(now.plus_millis(-STEP_MILLIS)), code(now)];
        assert_eq!(phone.assign("AIDA1", [&two[0], &two[1]], now), Ok(()));
        let invalid = Err(MfaError::InvalidCode);
        let wrong = |phone: &mut VirtualMfaDevice, now: Timestamp| {
            // None that is shown about now.
            let far = code(now.plus_millis(50 * STEP_MILLIS));
            assert_eq!(phone.take("AIDA1", &far, now), invalid);
        };
        now = now.plus_millis(STEP_MILLIS);
        (1..WRONG_IN_A_ROW_MAX).for_each(|_| wrong(&mut phone, now));
        assert_eq!(phone.take("AIDA1", &code(now), now), Ok(()), "four do not matter");
        now = now.plus_millis(STEP_MILLIS);
        (0..WRONG_IN_A_ROW_MAX).for_each(|_| wrong(&mut phone, now));
        // What comes meanwhile is not looked at and leaves nothing behind, neither codes nor pairs of them.
        let before = phone.clone();
        let end = now.plus_millis(PAUSE_MILLIS);
        let last = end.plus_millis(-1);
        assert_eq!(phone.take("AIDA1", &code(last), last), invalid);
        let two = [code(last), code(last.plus_millis(STEP_MILLIS))];
        assert_eq!(phone.assign("AIDA1", [&two[0], &two[1]], last), invalid);
        assert_eq!(phone.take("AIDA2", &code(last), last), Err(MfaError::NoDevice));
        assert_eq!(phone, before);
        // The next wrong one makes for a longer pause.
        now = end;
        wrong(&mut phone, now);
        let is_paused = |phone: &VirtualMfaDevice, millis: i64| {
            let at = now.plus_millis(millis);
            phone.clone().take("AIDA1", &code(at), at) == invalid
        };
        assert!(is_paused(&phone, 2 * PAUSE_MILLIS - 1) && !is_paused(&phone, 2 * PAUSE_MILLIS));
        phone.codes.wrong = u32::MAX;
        phone.codes.paused_until = None;
        wrong(&mut phone, now);
        assert!(is_paused(&phone, PAUSE_MILLIS_MAX - 1) && !is_paused(&phone, PAUSE_MILLIS_MAX));
        // A right one ends it.
        let later = now.plus_millis(PAUSE_MILLIS_MAX);
        assert_eq!(phone.take("AIDA1", &code(later), later), Ok(()));
        assert_eq!((phone.codes.wrong, phone.codes.paused_until), (0, None));
    }

    #[test]
    fn a_code_is_taken_once_and_only_of_its_user_and_time() {
        let store = Store::open(MemoryBackend::new()).expect("memory opens");
        let scope = Scope::global(Partition::Aws, "123456789012".parse().expect("twelve digits"));
        let now = Timestamp::from_unix_secs(1_800_000_000);
        let at = |steps: i64| device().code_at(now.plus_millis(steps * STEP_MILLIS));
        let mut held = device();
        let enabled = held.assign("AIDA1", [&at(-9), &at(-8)], now.plus_millis(-8 * STEP_MILLIS));
        assert_eq!(enabled, Ok(()));
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
