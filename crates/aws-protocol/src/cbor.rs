//! CBOR bodies (RFC 8949), as much of it as RPC v2 uses.

use aws_model::TimestampFormat;
use bytes::Bytes;

use crate::MAX_DEPTH;
use crate::item::{Item, ItemSink};
use crate::timestamp;

/// Why bytes are not CBOR that RPC v2 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CborError {
    #[error("The body ends in the middle of a value.")]
    Truncated,
    #[error("The body is nested too deeply.")]
    TooDeep,
    #[error("The body goes on after its value.")]
    Trailing,
    #[error("The body has a text string that is not UTF-8.")]
    NotUtf8,
    #[error("The body has a map key that is not text.")]
    Key,
    #[error("The body has an integer that does not fit 64 bits.")]
    TooBig,
    #[error("The body has a value of a type that is not supported.")]
    Unsupported,
}

/// Reads one value that fills the body.
pub(crate) fn parse(body: &Bytes) -> Result<Item, CborError> {
    let mut reader = Reader { body, at: 0 };
    let item = reader.item(0)?;
    if reader.at == body.len() { Ok(item) } else { Err(CborError::Trailing) }
}

struct Reader<'a> {
    body: &'a Bytes,
    at: usize,
}

/// The argument of a head: a number, or for strings and containers "until the break".
enum Argument {
    Definite(u64),
    Indefinite,
}

const BREAK: u8 = 0xff;

impl Reader<'_> {
    fn item(&mut self, depth: usize) -> Result<Item, CborError> {
        if depth > MAX_DEPTH {
            return Err(CborError::TooDeep);
        }
        let head = self.take(1)?[0];
        let (major, info) = (head >> 5, head & 0x1f);
        if major == 7 {
            return self.simple(info);
        }
        let argument = self.argument(info)?;
        match (major, argument) {
            (0, Argument::Definite(number)) => {
                i64::try_from(number).map(Item::Integer).map_err(|_| CborError::TooBig)
            }
            (1, Argument::Definite(number)) => {
                i64::try_from(number).map(|number| Item::Integer(-1 - number)).map_err(|_| CborError::TooBig)
            }
            (2, argument) => self.string(2, &argument).map(Item::Bytes),
            (3, argument) => self.text(&argument).map(Item::Text),
            (4, argument) => self.list(&argument, depth),
            (5, argument) => self.map(&argument, depth),
            (6, Argument::Definite(1)) => match self.item(depth + 1)? {
                #[allow(clippy::cast_precision_loss, reason = "the range of dates is far within 53 bits")]
                Item::Integer(seconds) => timestamp::from_seconds(seconds as f64),
                Item::Float(seconds) => timestamp::from_seconds(seconds),
                _ => None,
            }
            .map(Item::Time)
            .ok_or(CborError::Unsupported),
            _ => Err(CborError::Unsupported),
        }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], CborError> {
        let end = self.at.checked_add(length).ok_or(CborError::Truncated)?;
        let bytes = self.body.get(self.at..end).ok_or(CborError::Truncated)?;
        self.at = end;
        Ok(bytes)
    }

    fn big_endian(&mut self, length: usize) -> Result<u64, CborError> {
        Ok(self.take(length)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn argument(&mut self, info: u8) -> Result<Argument, CborError> {
        match info {
            0..24 => Ok(Argument::Definite(info.into())),
            24..28 => self.big_endian(1 << (info - 24)).map(Argument::Definite),
            31 => Ok(Argument::Indefinite),
            _ => Err(CborError::Unsupported),
        }
    }

    /// Whether the next byte ends an indefinite item; it is taken then.
    fn at_break(&mut self) -> Result<bool, CborError> {
        let found = *self.body.get(self.at).ok_or(CborError::Truncated)? == BREAK;
        self.at += usize::from(found);
        Ok(found)
    }

    fn string(&mut self, major: u8, argument: &Argument) -> Result<Bytes, CborError> {
        match argument {
            Argument::Definite(length) => {
                let start = self.at;
                self.take(usize::try_from(*length).map_err(|_| CborError::Truncated)?)?;
                Ok(self.body.slice(start..self.at))
            }
            Argument::Indefinite => {
                let mut whole = Vec::new();
                while !self.at_break()? {
                    let head = self.take(1)?[0];
                    let argument = self.argument(head & 0x1f)?;
                    if head >> 5 != major || matches!(argument, Argument::Indefinite) {
                        return Err(CborError::Unsupported);
                    }
                    whole.extend_from_slice(&self.string(major, &argument)?);
                }
                Ok(whole.into())
            }
        }
    }

    fn text(&mut self, argument: &Argument) -> Result<String, CborError> {
        String::from_utf8(self.string(3, argument)?.into()).map_err(|_| CborError::NotUtf8)
    }

    /// Calls back for each element. A length that is a lie ends with the body, as every element takes a byte of it.
    fn elements(
        &mut self,
        argument: &Argument,
        mut each: impl FnMut(&mut Self) -> Result<(), CborError>,
    ) -> Result<(), CborError> {
        match argument {
            Argument::Definite(length) => (0..*length).try_for_each(|_| each(self)),
            Argument::Indefinite => {
                while !self.at_break()? {
                    each(self)?;
                }
                Ok(())
            }
        }
    }

    fn list(&mut self, argument: &Argument, depth: usize) -> Result<Item, CborError> {
        let mut items = Vec::new();
        self.elements(argument, |reader| {
            items.push(reader.item(depth + 1)?);
            Ok(())
        })?;
        Ok(Item::List(items))
    }

    fn map(&mut self, argument: &Argument, depth: usize) -> Result<Item, CborError> {
        let mut entries = Vec::new();
        self.elements(argument, |reader| {
            let Item::Text(key) = reader.item(depth + 1)? else { return Err(CborError::Key) };
            entries.push((key, reader.item(depth + 1)?));
            Ok(())
        })?;
        Ok(Item::Map(entries))
    }

    fn simple(&mut self, info: u8) -> Result<Item, CborError> {
        match info {
            20 => Ok(Item::Boolean(false)),
            21 => Ok(Item::Boolean(true)),
            22 | 23 => Ok(Item::Null),
            25 => {
                let bits = self.big_endian(2)?;
                Ok(Item::Float(half(u16::try_from(bits).expect("two bytes were read"))))
            }
            26 => {
                let bits = self.big_endian(4)?;
                Ok(Item::Float(f32::from_bits(u32::try_from(bits).expect("four bytes were read")).into()))
            }
            27 => self.big_endian(8).map(f64::from_bits).map(Item::Float),
            _ => Err(CborError::Unsupported),
        }
    }
}

/// A half-precision float (RFC 8949, appendix D).
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let mantissa = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => mantissa * 2f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (mantissa + 1024.0) * 2f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { magnitude } else { -magnitude }
}

/// Writes CBOR with definite lengths.
#[derive(Default)]
pub(crate) struct CborSink(Vec<u8>);

impl CborSink {
    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }

    fn head(&mut self, major: u8, argument: u64) {
        let bytes = argument.to_be_bytes();
        match argument {
            0..24 => self.0.push(major << 5 | bytes[7]),
            24..0x100 => self.0.extend([major << 5 | 24, bytes[7]]),
            0x100..0x1_0000 => {
                self.0.push(major << 5 | 25);
                self.0.extend(&bytes[6..]);
            }
            0x1_0000..0x1_0000_0000 => {
                self.0.push(major << 5 | 26);
                self.0.extend(&bytes[4..]);
            }
            _ => {
                self.0.push(major << 5 | 27);
                self.0.extend(&bytes);
            }
        }
    }
}

impl ItemSink for CborSink {
    fn null(&mut self) {
        self.0.push(0xf6);
    }

    fn boolean(&mut self, boolean: bool) {
        self.0.push(if boolean { 0xf5 } else { 0xf4 });
    }

    fn integer(&mut self, number: i64) {
        match u64::try_from(number) {
            Ok(number) => self.head(0, number),
            // -1 - n never overflows for a negative n, and its magnitude is the bitwise complement.
            Err(_) => self.head(
                1,
                u64::try_from(!number).expect("the complement of a negative number is not negative"),
            ),
        }
    }

    fn float(&mut self, number: f64) {
        self.0.push(0xfb);
        self.0.extend(number.to_be_bytes());
    }

    fn text(&mut self, text: &str) {
        self.head(3, text.len() as u64);
        self.0.extend(text.as_bytes());
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.head(2, bytes.len() as u64);
        self.0.extend(bytes);
    }

    /// RPC v2 knows one form of time, whatever the model says.
    fn timestamp(&mut self, millis: i64, _: TimestampFormat) {
        self.head(6, 1);
        if millis % 1000 == 0 {
            self.integer(millis / 1000);
        } else {
            #[allow(clippy::cast_precision_loss, reason = "the range of dates is far within 53 bits")]
            self.float(millis as f64 / 1000.0);
        }
    }

    fn begin_list(&mut self, length: usize) {
        self.head(4, length as u64);
    }

    fn end_list(&mut self) {}

    fn begin_map(&mut self, length: usize) {
        self.head(5, length as u64);
    }

    fn key(&mut self, key: &str) {
        self.text(key);
    }

    fn end_map(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expect: Result<Item, CborError>) {
        assert_eq!(parse(&Bytes::copy_from_slice(bytes)), expect, "{bytes:02x?}");
    }

    /// The examples of RFC 8949, appendix A, as far as they concern us.
    #[test]
    fn reads_the_examples_of_the_rfc() {
        check(&[0x18, 0x64], Ok(Item::Integer(100)));
        check(&[0x3b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Ok(Item::Integer(i64::MIN)));
        check(&[0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Err(CborError::TooBig));
        check(&[0xf9, 0x3c, 0x00], Ok(Item::Float(1.0)));
        check(&[0xf9, 0x7b, 0xff], Ok(Item::Float(65504.0)));
        check(&[0xf9, 0x00, 0x01], Ok(Item::Float(5.960_464_477_539_063e-8)));
        check(&[0xf9, 0xfc, 0x00], Ok(Item::Float(f64::NEG_INFINITY)));
        check(&[0xfa, 0x47, 0xc3, 0x50, 0x00], Ok(Item::Float(100_000.0)));
        check(&[0xc1, 0x1a, 0x51, 0x4b, 0x67, 0xb0], Ok(Item::Time(1_363_896_240_000)));
        check(
            &[0x5f, 0x42, 1, 2, 0x43, 3, 4, 5, 0xff],
            Ok(Item::Bytes(Bytes::from_static(&[1, 2, 3, 4, 5]))),
        );
        check(
            &[0x9f, 0x01, 0x82, 2, 3, 0xff],
            Ok(Item::List(vec![Item::Integer(1), Item::List(vec![Item::Integer(2), Item::Integer(3)])])),
        );
        check(&[0xbf, 0x61, 0x61, 0xf6, 0xff], Ok(Item::Map(vec![("a".to_owned(), Item::Null)])));
    }

    #[test]
    fn refuses_what_is_broken() {
        check(&[], Err(CborError::Truncated));
        check(&[0x62, 0x61], Err(CborError::Truncated));
        check(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Err(CborError::Truncated));
        check(&[0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Err(CborError::Truncated));
        check(&[0x61, 0xff], Err(CborError::NotUtf8));
        check(&[0xa1, 0x01, 0x01], Err(CborError::Key));
        check(&[0x01, 0x01], Err(CborError::Trailing));
        check(&[0xc0, 0x60], Err(CborError::Unsupported));
        check(&[0x81; 100_000], Err(CborError::TooDeep));
        check(&[0x9f; 100_000], Err(CborError::TooDeep));
        check(&[0xc1; 100_000], Err(CborError::TooDeep));
    }
}
