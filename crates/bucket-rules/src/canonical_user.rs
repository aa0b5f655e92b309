//! Canonical user ids: the names that access control lists have for accounts.
//!
//! AWS makes the id from the account by a way it does not tell. Brume's holds the account in its last bytes, covered by a digest
//! of the account that the other bytes are: so an id tells its account, and whether it is one at all, without a table.
//!
//! <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html#FindCanonicalId>

use std::fmt;
use std::str::FromStr;

use aws_types::AccountId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::RuleError;

const ID_BYTES: usize = 32;
/// How AWS names whoever does not sign.
const ANONYMOUS: &str = "65a011a29cdf8ec533ec3d1ccaae921c";
/// The last bytes, which hold the account.
const ACCOUNT_BYTES: usize = 8;

/// The canonical user id of an account: 64 hexadecimal digits, and half as many for whoever has none.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CanonicalUserId(AccountId);

impl CanonicalUserId {
    /// The id of an account.
    pub const fn of(account: AccountId) -> Self {
        Self(account)
    }

    /// The account. Whether there is one is the caller's to know.
    pub const fn account(self) -> AccountId {
        self.0
    }

    fn bytes(self) -> [u8; ID_BYTES] {
        let number: u64 = self.0.to_string().parse().expect("an account id is twelve digits");
        let mut bytes: [u8; ID_BYTES] = digest(b"canonical user id of account ", &number.to_be_bytes());
        let cover = digest(b"cover of account ", &bytes[..ID_BYTES - ACCOUNT_BYTES]);
        for (at, byte) in number.to_be_bytes().into_iter().enumerate() {
            bytes[ID_BYTES - ACCOUNT_BYTES + at] = byte ^ cover[at];
        }
        bytes
    }
}

fn digest(purpose: &[u8], of: &[u8]) -> [u8; ID_BYTES] {
    Sha256::new().chain_update(purpose).chain_update(of).finalize().into()
}

impl FromStr for CanonicalUserId {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        let refused = || RuleError::argument("Invalid id", "CanonicalUser/ID", text);
        if text == ANONYMOUS {
            return Ok(Self(AccountId::NOBODY));
        }
        let mut bytes = [0; ID_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| refused())?;
        let (head, covered) = bytes.split_at(ID_BYTES - ACCOUNT_BYTES);
        let cover = digest(b"cover of account ", head);
        let number = covered
            .iter()
            .zip(cover)
            .fold(0_u64, |number, (byte, cover)| (number << 8) | u64::from(byte ^ cover));
        let account: AccountId = format!("{number:012}").parse().map_err(|_| refused())?;
        let found = Self(account);
        if found.bytes() == bytes { Ok(found) } else { Err(refused()) }
    }
}

impl TryFrom<String> for CanonicalUserId {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        text.parse()
    }
}

impl From<CanonicalUserId> for String {
    fn from(id: CanonicalUserId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == AccountId::NOBODY {
            return f.write_str(ANONYMOUS);
        }
        f.write_str(&hex::encode(self.bytes()))
    }
}

impl fmt::Debug for CanonicalUserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CanonicalUserId({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_account() {
        let mut seen = std::collections::HashSet::new();
        for account in ["111122223333", "111122223334", "000000000042", "999999999999"] {
            let id = CanonicalUserId::of(account.parse().unwrap());
            let text = id.to_string();
            assert_eq!(text.len(), 64);
            assert_eq!(text.parse::<CanonicalUserId>().unwrap().account().to_string(), account);
            assert!(seen.insert(text[..16].to_owned()));
        }
        let nobody = CanonicalUserId::of(AccountId::NOBODY);
        assert_eq!((nobody.to_string().len(), nobody.to_string().parse()), (32, Ok(nobody)));
        // What is stored has to be read by every later version.
        let known = "4acdfb4e552e273ae7b424ad91f70c151779f7646ade43d023651c023db20041";
        assert_eq!(CanonicalUserId::of("111122223333".parse().unwrap()).to_string(), known);
    }

    #[test]
    fn what_is_not_an_id() {
        let good = CanonicalUserId::of("111122223333".parse().unwrap()).to_string();
        let last = if good.ends_with('0') { '1' } else { '0' };
        let changed = format!("{}{last}", &good[..63]);
        for bad in ["", "wrong-id", &good[..62], &changed, &"0".repeat(64)] {
            let error = bad.parse::<CanonicalUserId>().unwrap_err();
            assert_eq!(
                (error.code(), error.to_string().as_str()),
                ("InvalidArgument", "Invalid id"),
                "{bad}"
            );
        }
        assert_eq!(good.to_uppercase().parse::<CanonicalUserId>().unwrap().to_string(), good);
    }
}
