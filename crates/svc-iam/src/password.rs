//! Passwords: what is kept of them, and whether one is as the account's policy wants it.
//!
//! Owns the hash and the rules. Keeps a salted, slow sum of each, and never the password.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA512};
use identities::PasswordPolicy;
use serde::{Deserialize, Serialize};
use service_api::{IdSource, ServiceError};

/// How often it is hashed: what OWASP's cheat sheet on storing passwords asks for PBKDF2 with SHA-512.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(210_000).expect("not zero");
const SUM_BYTES: usize = 32;
/// What is neither letter nor digit, as the policy counts it.
///
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_passwords_account-policy.html>
const SYMBOLS: &str = "!@#$%^&*()_+-=[]{}|'";
/// The rules where an account has no policy of its own.
const DEFAULT_MIN_CHARS: usize = 8;
const DEFAULT_KINDS: usize = 3;

/// What is kept of a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PasswordHash {
    iterations: NonZeroU32,
    salt: Vec<u8>,
    sum: Vec<u8>,
}

/// Never prints the sum, which is worth guessing at.
impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash")
    }
}

impl PasswordHash {
    /// Takes a tenth of a second or so: never under the store's lock.
    pub(crate) fn new(password: &str, ids: &dyn IdSource) -> Self {
        let salt = ids.bits().to_be_bytes().to_vec();
        let mut sum = vec![0; SUM_BYTES];
        pbkdf2::derive(PBKDF2_HMAC_SHA512, ITERATIONS, &salt, password.as_bytes(), &mut sum);
        Self { iterations: ITERATIONS, salt, sum }
    }

    /// Whether it is of this password. Takes as long as making it did.
    pub(crate) fn is_of(&self, password: &str) -> bool {
        let algorithm = PBKDF2_HMAC_SHA512;
        pbkdf2::verify(algorithm, self.iterations, &self.salt, password.as_bytes(), &self.sum).is_ok()
    }
}

/// Holds a password against the account's policy.
///
/// # Errors
/// `PasswordPolicyViolation`.
pub(crate) fn check(policy: Option<&PasswordPolicy>, password: &str) -> Result<(), ServiceError> {
    let chars = password.chars().count();
    let kinds = Kinds::of(password);
    let Some(policy) = policy else {
        if chars < DEFAULT_MIN_CHARS {
            return Err(violation(format!("Password should have a minimum length of {DEFAULT_MIN_CHARS}")));
        }
        if kinds.count() < DEFAULT_KINDS {
            let message = format!(
                "Password must include a minimum of three of the following mix of character types: uppercase, lowercase, numbers, and symbols {SYMBOLS}"
            );
            return Err(violation(message));
        }
        return Ok(());
    };
    let minimum = usize::try_from(policy.minimum_length).unwrap_or(usize::MAX);
    if chars < minimum {
        return Err(violation(format!("Password should have a minimum length of {minimum}")));
    }
    for (is_required, is_there, what) in [
        (policy.require_uppercase, kinds.uppercase, "one uppercase letter"),
        (policy.require_lowercase, kinds.lowercase, "one lowercase letter"),
        (policy.require_numbers, kinds.numbers, "one number"),
        (policy.require_symbols, kinds.symbols, "one symbol"),
    ] {
        if is_required && !is_there {
            return Err(violation(format!("Password should have at least {what}")));
        }
    }
    Ok(())
}

/// The refusal of a password.
pub(crate) fn violation(message: impl Into<String>) -> ServiceError {
    ServiceError::new("PasswordPolicyViolation", message)
}

/// Which kinds of characters there are.
#[derive(Clone, Copy, Debug, Default)]
struct Kinds {
    uppercase: bool,
    lowercase: bool,
    numbers: bool,
    symbols: bool,
}

impl Kinds {
    fn of(password: &str) -> Self {
        Self {
            uppercase: password.bytes().any(|byte| byte.is_ascii_uppercase()),
            lowercase: password.bytes().any(|byte| byte.is_ascii_lowercase()),
            numbers: password.bytes().any(|byte| byte.is_ascii_digit()),
            symbols: password.chars().any(|character| SYMBOLS.contains(character)),
        }
    }

    fn count(self) -> usize {
        [self.uppercase, self.lowercase, self.numbers, self.symbols].into_iter().filter(|held| *held).count()
    }
}
