//! Forms as browsers send them: `multipart/form-data`, read as it comes.
//!
//! Owns the framing alone: parts, their names, and where each ends. Holds no more of a part than it has received and not given.
//! Refuses to know what the fields mean.
//!
//! <https://www.rfc-editor.org/rfc/rfc7578>

use bytes::{Buf as _, Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use service_api::{Payload, ServiceError};

/// How long the head of one part can be.
const MAX_HEAD_BYTES: usize = 8 << 10;
/// How long a boundary can be (RFC 2046, section 5.1.1).
const MAX_BOUNDARY_BYTES: usize = 70;

/// Why a form cannot be read.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum FormError {
    /// It is no form, or ends before it does.
    #[error("The body of your POST request is not well-formed multipart/form-data.")]
    Malformed,
    /// What comes before the file, or after it, is too long.
    #[error("Your POST request fields preceding the upload file were too large.")]
    TooLong,
    /// More has to come before there is anything to tell.
    #[error("The form goes on.")]
    Waits,
    /// It did not come.
    #[error(transparent)]
    Body(#[from] ServiceError),
}

/// What a part says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PartHead {
    /// The name of the field.
    pub(crate) name: String,
    /// The name of the file that its content is of.
    pub(crate) file_name: Option<String>,
}

/// A form that is being read.
pub(crate) struct Form {
    /// Where the rest comes from; without one it is given piece by piece.
    source: Option<Box<dyn Payload>>,
    /// What has come and was not given.
    buffer: BytesMut,
    /// What ends a part: a line break, two hyphens, and the boundary.
    delimiter: Vec<u8>,
    /// Whether what comes next is behind a delimiter.
    is_between: bool,
    taken: u64,
}

/// The boundary that a content type names.
pub(crate) fn boundary(content_type: &str) -> Option<String> {
    let (_, parameters) = content_type.split_once(';')?;
    let boundary = parameter(parameters, "boundary")?;
    let boundary = boundary.trim_end();
    (1..=MAX_BOUNDARY_BYTES).contains(&boundary.len()).then(|| boundary.to_owned())
}

impl Form {
    /// A form with this boundary.
    pub(crate) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}").into_bytes();
        // The line break before the first delimiter may be missing.
        let buffer = BytesMut::from(&b"\r\n"[..]);
        Self { source: None, buffer, delimiter, is_between: false, taken: 0 }
    }

    /// Gives what comes next. Whatever answered [`FormError::Waits`] goes on where it stopped when it is asked again.
    pub(crate) fn feed(&mut self, piece: &[u8]) {
        self.taken += piece.len() as u64;
        self.buffer.extend_from_slice(piece);
    }

    /// Has the rest read from where all came from that was given.
    pub(crate) fn read_from(&mut self, source: Box<dyn Payload>) {
        self.source = Some(source);
    }

    /// How much may still come, with everything that is around what is left.
    pub(crate) fn left_bytes(&self) -> u64 {
        let length = self.source.as_ref().map_or(self.taken, |source| source.length());
        length.saturating_sub(self.taken) + self.buffer.len() as u64
    }

    fn receive(&mut self) -> Result<(), FormError> {
        let source = self.source.as_mut().ok_or(FormError::Waits)?;
        let piece = source.next()?.ok_or(FormError::Malformed)?;
        self.feed(&piece);
        Ok(())
    }

    /// Goes to the next part, past what is left of this one; `None` at the end. What is passed over is at most `room` bytes, of
    /// which none are left then.
    ///
    /// # Errors
    /// [`FormError`].
    pub(crate) fn next_part(&mut self, room: &mut usize) -> Result<Option<PartHead>, FormError> {
        while let Some(piece) = self.piece()? {
            *room = room.checked_sub(piece.len()).ok_or(FormError::TooLong)?;
        }
        while self.buffer.len() < 2 {
            self.receive()?;
        }
        if self.buffer.starts_with(b"--") {
            return Ok(None);
        }
        let line_end = self.find(b"\r\n")?;
        if self.buffer[..line_end].iter().any(|byte| !matches!(byte, b' ' | b'\t')) {
            return Err(FormError::Malformed);
        }
        // The line break stays, so that a head without lines has its end too.
        self.buffer.advance(line_end);
        let end = self.find(b"\r\n\r\n")?;
        let head = self.buffer.split_to(end + 4);
        self.is_between = false;
        *room = room.checked_sub(head.len()).ok_or(FormError::TooLong)?;
        read_head(&head).map(Some)
    }

    /// Where some bytes are in what comes next.
    fn find(&mut self, wanted: &[u8]) -> Result<usize, FormError> {
        loop {
            if let Some(at) = self.buffer.windows(wanted.len()).position(|window| window == wanted) {
                return Ok(at);
            }
            if self.buffer.len() > MAX_HEAD_BYTES {
                return Err(FormError::Malformed);
            }
            self.receive()?;
        }
    }

    /// The next piece of the part's content; `None` at its end.
    ///
    /// # Errors
    /// [`FormError`].
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, FormError> {
        if self.is_between {
            return Ok(None);
        }
        loop {
            match self.content_bytes() {
                (0, true) => {
                    self.buffer.advance(self.delimiter.len());
                    self.is_between = true;
                    return Ok(None);
                }
                (0, false) => self.receive()?,
                (length, _) => return Ok(Some(self.buffer.split_to(length).freeze())),
            }
        }
    }

    /// How much of what has come is content, and whether the delimiter is behind it.
    fn content_bytes(&self) -> (usize, bool) {
        let mut start = 0;
        while let Some(found) = self.buffer[start..].iter().position(|byte| *byte == b'\r') {
            let rest = &self.buffer[start + found..];
            if rest.starts_with(&self.delimiter) {
                return (start + found, true);
            }
            if rest.len() < self.delimiter.len() && self.delimiter.starts_with(rest) {
                return (start + found, false);
            }
            start += found + 1;
        }
        (self.buffer.len(), false)
    }

    /// Adds what is left of the part's content to a value, for which there is so much room left.
    ///
    /// # Errors
    /// [`FormError`]; it is too long.
    pub(crate) fn read_value(&mut self, value: &mut Vec<u8>, room: &mut usize) -> Result<(), FormError> {
        while let Some(piece) = self.piece()? {
            *room = room.checked_sub(piece.len()).ok_or(FormError::TooLong)?;
            value.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// Reads what is behind the last part, or behind this one, to the end of the body.
    ///
    /// # Errors
    /// [`FormError`]; there is more than `room` bytes of it.
    pub(crate) fn finish(&mut self, mut room: usize) -> Result<(), FormError> {
        while self.next_part(&mut room)?.is_some() {}
        room = room.checked_sub(self.buffer.len()).ok_or(FormError::TooLong)?;
        let source = self.source.as_mut().ok_or(FormError::Waits)?;
        while let Some(piece) = source.next()? {
            room = room.checked_sub(piece.len()).ok_or(FormError::TooLong)?;
        }
        Ok(())
    }
}

fn read_head(head: &[u8]) -> Result<PartHead, FormError> {
    let text = String::from_utf8_lossy(head);
    let disposition = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case("content-disposition").then_some(value)
    });
    let (kind, parameters) =
        disposition.and_then(|value| value.split_once(';')).ok_or(FormError::Malformed)?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return Err(FormError::Malformed);
    }
    let name = parameter(parameters, "name").ok_or(FormError::Malformed)?;
    let extended = parameter(parameters, "filename*").and_then(|value| {
        let (charset, rest) = value.split_once('\'')?;
        let (_, encoded) = rest.split_once('\'')?;
        let decoded = percent_decode_str(encoded).decode_utf8().ok()?;
        charset.eq_ignore_ascii_case("utf-8").then(|| decoded.into_owned())
    });
    Ok(PartHead { name, file_name: extended.or_else(|| parameter(parameters, "filename")) })
}

/// A parameter of a header, by its name in lower case. A backslash stands for itself but before a quotation mark, as in the names
/// of files that browsers send.
fn parameter(parameters: &str, wanted: &str) -> Option<String> {
    let mut rest = parameters;
    loop {
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_matches([' ', '\t', ';']);
        let (value, after) = match value.trim_start().strip_prefix('"') {
            Some(quoted) => quoted_value(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}

fn quoted_value(quoted: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '"') => {
                value.push('"');
                chars.next();
            }
            char => value.push(char),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A body in pieces of a length.
    struct Pieces(Bytes, usize, u64);

    impl Payload for Pieces {
        fn length(&self) -> u64 {
            self.2
        }

        fn next(&mut self) -> Result<Option<Bytes>, ServiceError> {
            let piece = self.0.split_to(self.0.len().min(self.1));
            Ok(Some(piece).filter(|piece| !piece.is_empty()))
        }

        fn trailing(&self, _: &str) -> Option<&str> {
            None
        }
    }

    fn form(body: &str, piece_bytes: usize) -> Form {
        let bytes = Bytes::copy_from_slice(body.as_bytes());
        let length = bytes.len() as u64;
        let mut form = Form::new("b");
        form.read_from(Box::new(Pieces(bytes, piece_bytes, length)));
        form
    }

    /// Asks again, with one more byte of the rest, until there is something to tell.
    fn fed<T>(
        form: &mut Form,
        rest: &mut &[u8],
        mut ask: impl FnMut(&mut Form) -> Result<T, FormError>,
    ) -> Result<T, FormError> {
        loop {
            match (ask(form), rest.split_first()) {
                (Err(FormError::Waits), Some((byte, after))) => {
                    form.feed(&[*byte]);
                    *rest = after;
                }
                (told, _) => return told,
            }
        }
    }

    #[test]
    fn a_form_that_is_given_piece_by_piece_goes_on_where_it_stopped() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n-\r\n--b \r\n\
            Content-Disposition: form-data; name=\"file\"\r\n\r\nfirst";
        let (mut form, mut rest, mut room) = (Form::new("b"), body.as_bytes(), 10_000);
        let head = fed(&mut form, &mut rest, |form| form.next_part(&mut room)).unwrap().unwrap();
        assert_eq!(head.name, "key");
        let mut value = Vec::new();
        fed(&mut form, &mut rest, |form| form.read_value(&mut value, &mut room)).unwrap();
        assert_eq!(value, b"a\r\n-");
        let head = fed(&mut form, &mut rest, |form| form.next_part(&mut room)).unwrap().unwrap();
        assert_eq!((head.name.as_str(), rest), ("file", &b"first"[..]));
        form.feed(rest);
        let end = Bytes::from_static(b" last\r\n--b--");
        let length = (body.len() + end.len()) as u64;
        form.read_from(Box::new(Pieces(end, 3, length)));
        assert_eq!(form.left_bytes(), 5 + 12);
        let mut file = Vec::new();
        form.read_value(&mut file, &mut room).unwrap();
        assert_eq!(file, b"first last");
        form.finish(10).unwrap();
    }

    type Read = Vec<(String, Option<String>, String)>;

    fn read(form: &mut Form) -> Result<Read, FormError> {
        let mut room = 10_000;
        let mut parts = Vec::new();
        while let Some(head) = form.next_part(&mut room)? {
            let mut value = Vec::new();
            form.read_value(&mut value, &mut room)?;
            let value = String::from_utf8(value).map_err(|_| FormError::Malformed)?;
            parts.push((head.name, head.file_name, value));
        }
        form.finish(100)?;
        Ok(parts)
    }

    fn part(name: &str, file: Option<&str>, value: &str) -> (String, Option<String>, String) {
        (name.to_owned(), file.map(str::to_owned), value.to_owned())
    }

    #[test]
    fn parts_are_read_however_they_come() {
        let body = "ignored\r\n--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\na\r\n--\r\n-b\r\n--b  \r\n\
            content-type: text/plain\r\ncontent-disposition: form-data; name=file; filename=\"C:\\x\\a \\\"b\\\".txt\"\r\n\r\n\
            \r\n--a\r\n\r\r\n--b\r\nContent-Disposition: form-data; name=\"empty\"\r\n\r\n\r\n--b\r\n\
            Content-Disposition: form-data; name=\"u\"; filename=\"?\"; filename*=utf-8''%C3%A4\r\n\r\n1\r\n--b--\r\nbehind";
        let expect = vec![
            part("key", None, "a\r\n--\r\n-b"),
            part("file", Some("C:\\x\\a \"b\".txt"), "\r\n--a\r\n\r"),
            part("empty", None, ""),
            part("u", Some("ä"), "1"),
        ];
        for piece_bytes in 1..body.len() {
            assert_eq!(read(&mut form(body, piece_bytes)).unwrap(), expect, "{piece_bytes}");
        }
        let first = body.strip_prefix("ignored\r\n").unwrap();
        assert_eq!(read(&mut form(first, 7)).unwrap(), expect);
    }

    proptest! {
        #[test]
        fn contents_are_given_as_they_are(
            contents in proptest::collection::vec("[ab\r\n-]{0,40}", 0..4), piece_bytes in 1..50_usize,
        ) {
            prop_assume!(!contents.iter().any(|content| format!("\r\n{content}").contains("\r\n--b")));
            let mut body = String::new();
            for (at, content) in contents.iter().enumerate() {
                body.push_str(&format!("--b\r\nContent-Disposition: form-data; name=\"{at}\"\r\n\r\n{content}\r\n"));
            }
            body.push_str("--b--");
            let found = read(&mut form(&body, piece_bytes)).unwrap();
            let expect: Vec<_> =
                contents.iter().enumerate().map(|(at, content)| part(&at.to_string(), None, content)).collect();
            prop_assert_eq!(found, expect);
        }

        #[test]
        fn reading_ends_and_does_not_panic(
            body in "(--b|\r\n|--|Content-Disposition: form-data; name=\"?a|; filename\\*?=\"?é'|[ -~]){0,30}",
            piece_bytes in 1..20_usize,
        ) {
            let _ = read(&mut form(&body, piece_bytes));
        }
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let disposition = "Content-Disposition: form-data; name=\"a\"\r\n\r\n";
        for body in [
            String::new(),
            "--c\r\n".to_owned(),
            format!("--b\r\n{disposition}1"),
            format!("--b\r\n{disposition}1\r\n--b"),
            format!("--bx\r\n{disposition}1\r\n--b--"),
            "--b\r\nContent-Type: text/plain\r\n\r\n1\r\n--b--".to_owned(),
            "--b\r\nContent-Disposition: form-data\r\n\r\n1\r\n--b--".to_owned(),
            "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--b--".to_owned(),
            format!("--b\r\nx: {}\r\n{disposition}1\r\n--b--", "x".repeat(MAX_HEAD_BYTES)),
        ] {
            assert_eq!(read(&mut form(&body, 100)), Err(FormError::Malformed), "{body}");
        }
        let long = format!("--b\r\n{disposition}{}\r\n--b--", "1".repeat(10_000));
        assert_eq!(read(&mut form(&long, 100)), Err(FormError::TooLong));
        let behind = format!("--b\r\n{disposition}1\r\n--b--{}", "1".repeat(101));
        assert_eq!(read(&mut form(&behind, 10)), Err(FormError::TooLong));
    }

    #[test]
    fn boundaries() {
        let check =
            |header: &str, expect: Option<&str>| assert_eq!(boundary(header).as_deref(), expect, "{header}");
        check("multipart/form-data; boundary=----WebKit1", Some("----WebKit1"));
        check("multipart/form-data;charset=utf-8; Boundary=\"a b\"", Some("a b"));
        check("multipart/form-data", None);
        check("multipart/form-data; boundary=", None);
        check(&format!("multipart/form-data; boundary={}", "x".repeat(71)), None);
    }
}
