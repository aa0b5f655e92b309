//! S3 by signed requests: bodies in memory, or streamed without being covered by the signature.

use std::io::{BufRead as _, Read, Write};

use anyhow::{Context as _, bail};
use sigv4::{Payload, Request, Signer, SigningTime};

use super::Connection;

/// How much of a streamed body is in memory.
const PIECE_BYTES: usize = 256 << 10;

/// What S3 answered.
#[derive(Debug)]
pub(crate) struct S3Answer {
    pub(crate) status: u16,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl S3Answer {
    /// A header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Itself, if it has one of the statuses of success.
    ///
    /// # Errors
    /// It has another.
    pub(crate) fn good(self) -> anyhow::Result<Self> {
        if !(200..300).contains(&self.status) {
            bail!("S3 answers {}: {}", self.status, self.text());
        }
        Ok(self)
    }
}

/// What is asked of S3.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct S3Request<'a> {
    pub(crate) method: &'a str,
    /// The bucket and the key, percent-encoded: `/bucket/key`.
    pub(crate) path: &'a str,
    /// The query string, percent-encoded, without the question mark.
    pub(crate) query: &'a str,
    /// Headers beside those that every request has.
    pub(crate) headers: &'a [(&'a str, &'a str)],
}

impl Connection<'_> {
    /// Asks for something with a body in memory. The answer may have any status.
    ///
    /// # Errors
    /// When the connection breaks.
    pub(crate) fn s3(&mut self, request: S3Request<'_>, body: &[u8]) -> anyhow::Result<S3Answer> {
        (self.client.ask_first)()?;
        let mut bytes = self.s3_head(request, &Payload::of(body), body.len() as u64).into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes)?;
        let (mut answer, length) = self.s3_answer(request.method)?;
        (&mut self.stream).take(length).read_to_end(&mut answer.body)?;
        self.check_whole(&answer, length)?;
        Ok(answer)
    }

    /// Sends a body that somebody else reads.
    ///
    /// # Errors
    /// When the connection breaks, or the body ends early.
    pub(crate) fn s3_send(
        &mut self,
        request: S3Request<'_>,
        length: u64,
        body: &mut dyn Read,
    ) -> anyhow::Result<S3Answer> {
        let head = self.s3_head(request, &Payload::Unsigned, length);
        self.stream.get_mut().write_all(head.as_bytes())?;
        let mut left = length;
        let mut piece = vec![0; PIECE_BYTES];
        while left > 0 {
            (self.client.ask_first)()?;
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = body.read(&mut piece[..most])?;
            if read == 0 {
                bail!("the body ends {left} bytes early");
            }
            self.stream.get_mut().write_all(&piece[..read])?;
            left -= read as u64;
        }
        let (mut answer, length) = self.s3_answer(request.method)?;
        (&mut self.stream).take(length).read_to_end(&mut answer.body)?;
        Ok(answer)
    }

    /// Gives the answer's body to somebody else, if it is one of success, and says how long it was.
    ///
    /// # Errors
    /// When the connection breaks, or S3 refuses.
    pub(crate) fn s3_receive(&mut self, request: S3Request<'_>, body: &mut dyn Write) -> anyhow::Result<u64> {
        let head = self.s3_head(request, &Payload::of(b""), 0);
        self.stream.get_mut().write_all(head.as_bytes())?;
        let (answer, length) = self.s3_answer(request.method)?;
        answer.good()?;
        let mut left = length;
        let mut piece = vec![0; PIECE_BYTES];
        while left > 0 {
            (self.client.ask_first)()?;
            let most = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = self.stream.read(&mut piece[..most])?;
            if read == 0 {
                bail!("the answer ends {left} bytes early");
            }
            body.write_all(&piece[..read])?;
            left -= read as u64;
        }
        Ok(length)
    }

    fn check_whole(&self, answer: &S3Answer, length: u64) -> anyhow::Result<()> {
        if answer.body.len() as u64 != length {
            bail!("the answer ends after {} of {length} bytes", answer.body.len());
        }
        Ok(())
    }

    fn s3_head(&self, request: S3Request<'_>, payload: &Payload, length: u64) -> String {
        let client = self.client;
        let host = client.address.to_string();
        let mut headers: Vec<(&str, &str)> = vec![("host", &host)];
        headers.extend(request.headers);
        let to_sign: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let signer = Signer {
            access_key_id: &client.access_key_id,
            secret: &client.secret_access_key,
            session_token: None,
            region: &client.region,
            service: "s3",
        };
        let now = SigningTime::from_unix_secs(jiff::Timestamp::now().as_second())
            .expect("the clock is before the year 9999");
        let S3Request { method, path, query, .. } = request;
        let signed = signer.sign(&Request { method, path, query, headers: &to_sign }, payload, now);
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = format!("{method} {path}{mark}{query} HTTP/1.1\r\n");
        let all = headers.into_iter().chain(signed.iter().map(|(name, value)| (*name, value.as_str())));
        for (name, value) in all {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(&format!("content-length: {length}\r\n\r\n"));
        head
    }

    /// The head of an answer, and how long its body is.
    fn s3_answer(&mut self, method: &str) -> anyhow::Result<(S3Answer, u64)> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let status =
            line.split(' ').nth(1).and_then(|code| code.parse().ok()).context("not an HTTP answer")?;
        let mut answer = S3Answer { status, headers: Vec::new(), body: Vec::new() };
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            answer.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        if method == "HEAD" || matches!(status, 204 | 304) {
            return Ok((answer, 0));
        }
        let length = answer.header("content-length").and_then(|length| length.parse().ok());
        let length = length.context("an answer without a length")?;
        Ok((answer, length))
    }
}
