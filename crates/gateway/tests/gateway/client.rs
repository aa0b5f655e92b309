//! A client that writes its requests byte by byte, so that it can also write wrong ones.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use sigv4::{Payload, Request, Signer, SigningTime};

use crate::cloud::{Cloud, KEY, NOW_SECS, SECRET};

/// A request to be signed.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) service: &'static str,
    pub(crate) region: &'static str,
    pub(crate) key: &'static str,
    pub(crate) secret: &'static str,
    pub(crate) token: Option<&'static str>,
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) query: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// When it is signed, against the gateway's clock.
    pub(crate) offset_secs: i64,
}

impl Call {
    /// A call in the query protocol.
    pub(crate) fn query(service: &'static str, form: &str) -> Self {
        let form_type = "application/x-www-form-urlencoded; charset=utf-8";
        Self {
            service,
            region: "us-east-1",
            key: KEY,
            secret: SECRET,
            token: None,
            method: "POST",
            path: "/",
            query: String::new(),
            headers: vec![("host", "localhost".to_owned()), ("content-type", form_type.to_owned())],
            body: form.as_bytes().to_vec(),
            offset_secs: 0,
        }
    }

    /// A call of EC2.
    pub(crate) fn ec2(operation: &str) -> Self {
        Self::query("ec2", &format!("Action={operation}&Version=2016-11-15"))
    }

    /// A call of S3.
    pub(crate) fn s3(method: &'static str, path: &'static str, query: &str, body: &[u8]) -> Self {
        let mut call = Self::query("s3", "");
        call.headers.truncate(1);
        Self { method, path, query: query.to_owned(), body: body.to_vec(), ..call }
    }

    /// The same call with another header.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// A call of Systems Manager, in JSON.
    pub(crate) fn ssm(operation: &str, json: &str) -> Self {
        let mut call = Self::query("ssm", json);
        call.headers.truncate(1);
        call.headers.push(("content-type", "application/x-amz-json-1.1".to_owned()));
        call.headers.push(("x-amz-target", format!("AmazonSSM.{operation}")));
        call
    }

    fn signing<T>(&self, run: impl FnOnce(&Request<'_>, &Signer<'_>, SigningTime) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request { method: self.method, path: self.path, query: &self.query, headers: &headers };
        let signer = Signer {
            access_key_id: self.key,
            secret: self.secret,
            session_token: self.token,
            region: self.region,
            service: self.service,
        };
        run(&request, &signer, SigningTime::from_unix_secs(NOW_SECS + self.offset_secs).unwrap())
    }

    /// The same call with its signature in the headers.
    pub(crate) fn signed(mut self) -> Self {
        let added =
            self.signing(|request, signer, time| signer.sign(request, &Payload::of(&self.body), time));
        self.headers.extend(added);
        self
    }

    /// The same call, signed without its body, which is in chunks that are not signed.
    pub(crate) fn signed_in_chunks(mut self) -> Self {
        let payload = Payload::Streaming("STREAMING-UNSIGNED-PAYLOAD-TRAILER".to_owned());
        let added = self.signing(|request, signer, time| signer.sign(request, &payload, time));
        self.headers.extend(added);
        self
    }

    /// The same call with its signature in the query.
    pub(crate) fn presigned(mut self, expires_secs: u32) -> Self {
        let payload = if self.service == "s3" { Payload::Unsigned } else { Payload::of(&self.body) };
        self.query =
            self.signing(|request, signer, time| signer.presign(request, &payload, time, expires_secs));
        self
    }

    pub(crate) fn target(&self) -> String {
        if self.query.is_empty() { self.path.to_owned() } else { format!("{}?{}", self.path, self.query) }
    }

    pub(crate) fn head(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    /// The request as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}content-length: {}\r\n\r\n", self.head(), self.body.len()).into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The request with its body in chunks of these sizes.
    pub(crate) fn chunked(&self, chunk_bytes: usize) -> Vec<u8> {
        let mut bytes = format!("{}transfer-encoding: chunked\r\n\r\n", self.head()).into_bytes();
        for chunk in self.body.chunks(chunk_bytes) {
            bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        bytes
    }

    /// Sends it on a connection of its own.
    pub(crate) fn send(&self, cloud: &Cloud) -> Answer {
        let mut connection = Connection::open(cloud.address);
        connection.write(&self.bytes());
        connection.answer_to(self.method).expect("an answer")
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(header, _)| header == name).map(|(_, value)| value.as_str())
    }

    /// Asserts the status, and parts of the body.
    #[track_caller]
    pub(crate) fn expect(&self, status: u16, parts: &[&str]) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        for part in parts {
            assert!(self.body.contains(part), "{part:?} is not in {self:?}");
        }
        self
    }
}

/// A connection on which requests are written and answers read.
pub(crate) struct Connection<S: Read + Write = TcpStream> {
    stream: BufReader<S>,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self::over(stream)
    }

    /// Sends nothing more, and still reads. The gateway may have reset the connection before.
    pub(crate) fn half_close(&self) {
        match self.stream.get_ref().shutdown(std::net::Shutdown::Write) {
            Err(error) if error.kind() == ErrorKind::NotConnected => {}
            result => result.unwrap(),
        }
    }
}

impl<S: Read + Write> Connection<S> {
    pub(crate) fn over(stream: S) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    pub(crate) fn stream(&self) -> &S {
        self.stream.get_ref()
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let stream = self.stream.get_mut();
        match stream.write_all(bytes).and_then(|()| stream.flush()) {
            // The gateway has closed it meanwhile: what it has answered is read all the same.
            Err(error) if [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()) => {}
            result => result.unwrap(),
        }
    }

    /// What comes, whatever it is.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next answer, interim ones included; `None` when the connection is closed.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET")
    }

    /// The next answer, to a request of this method: whether there is a body depends on it.
    pub(crate) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let status = self.line()?;
        let status = status.split(' ').nth(1).unwrap().parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut answer = Answer { status, headers, body: String::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        let has_body = method != "HEAD" && status != 304;
        let mut body = vec![0; if has_body { length } else { 0 }];
        self.stream.read_exact(&mut body).ok()?;
        answer.body = String::from_utf8(body).unwrap();
        Some(answer)
    }
}
