//! Reading what comes back: headers, and a body of known length, in chunks, or until the end (RFC 9112).

use std::io::{self, BufRead, Read, Write};
use std::time::Instant;

use super::{Facts, Failure};

/// More than any server sends as headers.
const MAX_HEAD_BYTES: usize = 256 * 1024;

/// A response whose headers have been read.
#[derive(Debug)]
pub(super) struct Response<R> {
    pub(super) status: u16,
    /// Status line and headers as they came, with the empty line.
    pub(super) head: Vec<u8>,
    reader: R,
    has_body: bool,
    began: Instant,
}

impl<R: BufRead> Response<R> {
    pub(super) fn read(mut reader: R, method: &str, began: Instant) -> Result<Self, Failure> {
        loop {
            let head = read_head(&mut reader, began)?;
            let status =
                status_of(&head).ok_or_else(|| Failure::new(1, "Received HTTP/0.9 when not allowed"))?;
            // 1xx only announces the response.
            if (100..200).contains(&status) {
                continue;
            }
            let has_body = method != "HEAD" && status != 204 && status != 304;
            return Ok(Self { status, head, reader, has_body, began });
        }
    }

    /// The value of a header, the first if there are several.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let text = std::str::from_utf8(&self.head).ok()?;
        text.lines().skip(1).find_map(|line| {
            let (given, value) = line.split_once(':')?;
            given.trim().eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// Writes the body.
    pub(super) fn copy_body(&mut self, output: &mut dyn Write, facts: &mut Facts) -> Result<(), Failure> {
        if !self.has_body {
            return Ok(());
        }
        let chunked = self
            .header("transfer-encoding")
            .is_some_and(|encoding| encoding.to_ascii_lowercase().contains("chunked"));
        if chunked {
            return self.copy_chunks(output, facts);
        }
        let length = self.header("content-length").and_then(|length| length.parse::<u64>().ok());
        match length {
            Some(length) => self.copy_exactly(length, output, facts),
            None => self.copy_up_to(u64::MAX, output, facts).map(drop),
        }
    }

    fn copy_chunks(&mut self, output: &mut dyn Write, facts: &mut Facts) -> Result<(), Failure> {
        let invalid = || Failure::new(56, "Illegal or missing hexadecimal sequence in chunked-encoding");
        loop {
            let line = self.line(facts)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size = u64::from_str_radix(size, 16).map_err(|_| invalid())?;
            if size == 0 {
                // Trailers, up to the empty line.
                while !self.line(facts)?.is_empty() {}
                return Ok(());
            }
            self.copy_exactly(size, output, facts)?;
            if !self.line(facts)?.is_empty() {
                return Err(invalid());
            }
        }
    }

    fn line(&mut self, facts: &Facts) -> Result<String, Failure> {
        let mut line = Vec::new();
        let read = (&mut self.reader).take(16 * 1024).read_until(b'\n', &mut line);
        read.map_err(|error| self.failed(&error, facts))?;
        if line.pop() != Some(b'\n') {
            return Err(Failure::new(18, "transfer closed with outstanding read data remaining"));
        }
        Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
    }

    fn copy_exactly(
        &mut self,
        length: u64,
        output: &mut dyn Write,
        facts: &mut Facts,
    ) -> Result<(), Failure> {
        let copied = self.copy_up_to(length, output, facts)?;
        if copied < length {
            let missing = length - copied;
            return Err(Failure::new(18, format!("transfer closed with {missing} bytes remaining to read")));
        }
        Ok(())
    }

    fn copy_up_to(&mut self, limit: u64, output: &mut dyn Write, facts: &mut Facts) -> Result<u64, Failure> {
        let mut copied = 0;
        while copied < limit {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(&error, facts)),
            };
            if buffer.is_empty() {
                break;
            }
            let count = buffer.len().min(usize::try_from(limit - copied).unwrap_or(usize::MAX));
            output
                .write_all(&buffer[..count])
                .map_err(|_| Failure::new(23, "Failure writing output to destination"))?;
            self.reader.consume(count);
            copied += count as u64;
            facts.body_bytes += count as u64;
        }
        Ok(copied)
    }

    fn failed(&self, error: &io::Error, facts: &Facts) -> Failure {
        transfer_failure(error, self.began, facts.body_bytes)
    }
}

fn transfer_failure(error: &io::Error, began: Instant, received_bytes: u64) -> Failure {
    if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) {
        let millis = began.elapsed().as_millis();
        let message =
            format!("Operation timed out after {millis} milliseconds with {received_bytes} bytes received");
        return Failure::new(28, message);
    }
    let why = error
        .raw_os_error()
        .map_or_else(|| error.to_string(), |number| nix::errno::Errno::from_raw(number).desc().to_owned());
    Failure::new(56, format!("Recv failure: {why}"))
}

fn read_head(reader: &mut impl BufRead, began: Instant) -> Result<Vec<u8>, Failure> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let limit = (MAX_HEAD_BYTES - before) as u64;
        let read = reader.by_ref().take(limit).read_until(b'\n', &mut head);
        read.map_err(|error| transfer_failure(&error, began, 0))?;
        let line = &head[before..];
        match line {
            [] if before == 0 => return Err(Failure::new(52, "Empty reply from server")),
            b"\r\n" | b"\n" if before > 0 => return Ok(head),
            line if line.ends_with(b"\n") => {}
            _ => return Err(Failure::new(56, "Headers cut short or too long")),
        }
    }
}

fn status_of(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let status = line.strip_prefix("HTTP/")?.split(' ').nth(1)?;
    status.trim_end().parse().ok().filter(|status| (100..1000).contains(status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: &str, expected: Result<(u16, &str), u8>) {
        let mut body = Vec::new();
        let result = Response::read(response.as_bytes(), "GET", Instant::now()).and_then(|mut response| {
            response.copy_body(&mut body, &mut Facts::default())?;
            Ok(response.status)
        });
        let found = result.map(|status| (status, String::from_utf8_lossy(&body).into_owned()));
        let expected = expected.map(|(status, body)| (status, body.to_owned()));
        assert_eq!(found.map_err(|failure| failure.code), expected, "{response:?}");
    }

    #[test]
    fn bodies_end_where_they_say() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiXX", Ok((200, "hi")));
        check("HTTP/1.0 200 OK\r\n\r\nall of it", Ok((200, "all of it")));
        check("HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", Ok((200, "hi")));
        check("HTTP/1.1 204 No Content\r\n\r\nXX", Ok((204, "")));
        check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n", Ok((404, "")));
        let chunks =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x\r\n yo\r\n0\r\nA: b\r\n\r\n";
        check(chunks, Ok((200, "hi yo")));
        check("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Err(18));
        check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", Err(56));
        check("", Err(52));
        check("SSH-2.0-x\r\n\r\n", Err(1));
        check("HTTP/1.1 200 OK\r\nCut", Err(56));
    }
}
