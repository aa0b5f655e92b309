//! The ids of temporary access keys. As nothing of them is kept, each has its account in it, as those of AWS do.
//!
//! The sixteen characters after the prefix are base32 of ten bytes:
//!
//! ```text
//!  bit 79 │ bits 78 … 39 │ bits 38 … 0
//!  1      │ the account  │ random
//! ```

use aws_types::AccountId;

const PREFIX: &str = "ASIA";
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const CHARS: u32 = 16;
const ACCOUNT_SHIFT: u32 = 39;
const ACCOUNT_MASK: u128 = (1 << 40) - 1;

/// An id that tells that account.
pub(crate) fn make(account: AccountId, bits: u128) -> String {
    let number: u128 = account.to_string().parse().expect("an account id is twelve digits");
    let value = (1 << 79) | (number << ACCOUNT_SHIFT) | (bits & ((1 << ACCOUNT_SHIFT) - 1));
    let characters = (0..CHARS).rev().map(|place| {
        let index = usize::try_from((value >> (5 * place)) & 31).expect("five bits");
        char::from(BASE32[index])
    });
    PREFIX.chars().chain(characters).collect()
}

/// The account that the id of a temporary access key tells, whether or not there is such a key.
pub fn account_of(access_key_id: &str) -> Option<AccountId> {
    let text = access_key_id.strip_prefix(PREFIX).filter(|text| text.len() == CHARS as usize)?;
    let value = text.bytes().try_fold(0_u128, |value, byte| {
        let digit = BASE32.iter().position(|held| *held == byte)?;
        Some((value << 5) | digit as u128)
    })?;
    format!("{:012}", (value >> ACCOUNT_SHIFT) & ACCOUNT_MASK).parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_tells_its_account(number in 0_u64..1_000_000_000_000, bits: u128) {
            let account: AccountId = format!("{number:012}").parse().unwrap();
            let id = make(account, bits);
            prop_assert_eq!(id.len(), 20);
            prop_assert_eq!(account_of(&id), Some(account));
        }

        #[test]
        fn any_text_is_read(text in "(ASIA)?[A-Z0-9a-zé]{0,20}") {
            let _ = account_of(&text);
        }
    }

    #[test]
    fn others_tell_none() {
        for id in ["", "ASIA", "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPL", "ASIA1111111111111111"] {
            assert_eq!(account_of(id), None, "{id}");
        }
    }
}
