//! The two encodings that keys are written in: DER (X.690) as far as keys need it, and SSH's (RFC 4251).

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A DER value: its tag, its length, its contents.
fn der(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match contents.len() {
        length @ ..0x80 => out.push(u8::try_from(length).expect("below 128")),
        length => {
            let bytes = length.to_be_bytes();
            let skip = bytes.iter().take_while(|byte| **byte == 0).count();
            out.push(0x80 | u8::try_from(bytes.len() - skip).expect("at most 8"));
            out.extend(&bytes[skip..]);
        }
    }
    out.extend(contents);
    out
}

/// An unsigned number as a two's complement one: a zero in front of a first byte with the high bit set.
fn unsigned(number: &[u8]) -> Vec<u8> {
    let skip = number.iter().take_while(|byte| **byte == 0).count();
    let digits = &number[skip..];
    let mut out = Vec::with_capacity(digits.len() + 1);
    if digits.first().is_none_or(|first| first & 0x80 != 0) {
        out.push(0);
    }
    out.extend(digits);
    out
}

/// The `SubjectPublicKeyInfo` of an RSA key.
pub(super) fn rsa_public_key_info(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    /// `SEQUENCE { OID rsaEncryption (1.2.840.113549.1.1.1), NULL }`
    const ALGORITHM: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let numbers = [der(INTEGER, &unsigned(modulus)), der(INTEGER, &unsigned(exponent))].concat();
    let mut bits = vec![0];
    bits.extend(der(SEQUENCE, &numbers));
    der(SEQUENCE, &[ALGORITHM.to_vec(), der(BIT_STRING, &bits)].concat())
}

/// Reads the next DER value: its tag, its contents, and what follows.
fn next(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = bytes.split_first_chunk::<2>()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        let length = digits
            .iter()
            .try_fold(0_usize, |sum, digit| sum.checked_mul(256)?.checked_add((*digit).into()))?;
        (length, rest)
    };
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((tag, contents, rest))
}

/// The PKCS #1 key inside a PKCS #8 one: `SEQUENCE { INTEGER 0, algorithm, OCTET STRING key }`.
pub(super) fn inner_key(pkcs8: &[u8]) -> Option<&[u8]> {
    let (SEQUENCE, mut rest, _) = next(pkcs8)? else { return None };
    while !rest.is_empty() {
        let (tag, contents, after) = next(rest)?;
        if tag == OCTET_STRING {
            return Some(contents);
        }
        rest = after;
    }
    None
}

/// The numbers of a PKCS #1 private key: version, n, e, d, p, q, d mod p-1, d mod q-1, 1/q mod p (RFC 8017, A.1.2).
pub(super) fn rsa_numbers(pkcs1: &[u8]) -> Option<[&[u8]; 9]> {
    let (SEQUENCE, mut rest, _) = next(pkcs1)? else { return None };
    let mut numbers = [&[][..]; 9];
    for number in &mut numbers {
        let (INTEGER, contents, after) = next(rest)? else { return None };
        (*number, rest) = (contents, after);
    }
    Some(numbers)
}

/// An SSH string: its length in four bytes, its bytes.
pub(super) fn ssh_string(bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("keys are shorter than 4 GiB");
    [&length.to_be_bytes()[..], bytes].concat()
}

/// An SSH number.
pub(super) fn ssh_number(number: &[u8]) -> Vec<u8> {
    ssh_string(&unsigned(number))
}

/// Reads the next SSH string: its bytes, and what follows.
pub(super) fn next_ssh_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_short_or_long() {
        assert_eq!(der(OCTET_STRING, &[7; 3]), [4, 3, 7, 7, 7]);
        let long = der(OCTET_STRING, &[7; 300]);
        assert_eq!(long[..4], [4, 0x82, 1, 44]);
        assert_eq!(next(&long), Some((OCTET_STRING, &[7; 300][..], &[][..])));
    }

    #[test]
    fn truncated_values_are_refused() {
        assert_eq!(next(&[]), None);
        assert_eq!(next(&[0x30, 0x82, 1]), None);
        assert_eq!(next(&[0x30, 5, 1]), None);
        assert_eq!(next(&[0x30, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]), None);
        assert_eq!(next_ssh_string(&[0, 0, 0, 9, 1]), None);
    }

    #[test]
    fn numbers_are_unsigned() {
        assert_eq!(unsigned(&[0, 0, 1]), [1]);
        assert_eq!(unsigned(&[0x80]), [0, 0x80]);
        assert_eq!(unsigned(&[]), [0]);
    }
}
