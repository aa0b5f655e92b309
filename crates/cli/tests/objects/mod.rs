//! Objects of a cloud, by signed requests over one connection.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

pub mod storm;

use crate::cloud::client::{Connection, S3Answer, S3Request};
use crate::cloud::{Cloud, Xml};

/// Bytes that follow from a number and do not repeat. <https://prng.di.unimi.it/splitmix64.c>
pub fn content(number: u64, length: usize) -> Vec<u8> {
    let mut state = number.wrapping_mul(0x2545_f491_4f6c_dd1d);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// A bucket, and a connection to the cloud that has it.
pub struct Bucket<'a> {
    name: String,
    cloud: &'a Cloud,
    connection: Connection<'a>,
}

impl<'a> Bucket<'a> {
    pub fn of(cloud: &'a Cloud, name: &str) -> Self {
        Self::try_of(cloud, name).unwrap()
    }

    /// The same, where the daemon may be gone by now.
    pub fn try_of(cloud: &'a Cloud, name: &str) -> anyhow::Result<Self> {
        Ok(Self { name: name.to_owned(), cloud, connection: cloud.client().connect()? })
    }

    pub fn make(cloud: &'a Cloud, name: &str) -> Self {
        let mut bucket = Self::of(cloud, name);
        bucket.ask("PUT", "", "", b"").unwrap().good().unwrap();
        bucket
    }

    fn path(&self, key: &str) -> String {
        let key = key.replace(' ', "%20");
        if key.is_empty() { format!("/{}", self.name) } else { format!("/{}/{key}", self.name) }
    }

    /// Asks for something, whatever the answer.
    pub fn ask(&mut self, method: &str, key: &str, query: &str, body: &[u8]) -> anyhow::Result<S3Answer> {
        let path = self.path(key);
        let answer = self.connection.s3(S3Request { method, path: &path, query, headers: &[] }, body)?;
        // Whoever is refused may find the connection closed.
        if answer.status >= 500 {
            self.connection = self.cloud.client().connect()?;
        }
        Ok(answer)
    }

    pub fn try_put(&mut self, key: &str, body: &[u8]) -> anyhow::Result<S3Answer> {
        self.ask("PUT", key, "", body)
    }

    pub fn put(&mut self, key: &str, body: &[u8]) -> anyhow::Result<()> {
        self.try_put(key, body)?.good().map(|_| ())
    }

    /// An object's content; `None` where there is no object.
    pub fn get(&mut self, key: &str) -> anyhow::Result<Option<Vec<u8>>> {
        let answer = self.ask("GET", key, "", b"")?;
        if answer.status == 404 {
            anyhow::ensure!(answer.text().contains("NoSuchKey"), "{}", answer.text());
            return Ok(None);
        }
        Ok(Some(answer.good()?.body))
    }

    pub fn delete(&mut self, key: &str) -> anyhow::Result<()> {
        self.ask("DELETE", key, "", b"")?.good().map(|_| ())
    }

    /// Stores an object in parts.
    pub fn put_parts(&mut self, key: &str, parts: &[&[u8]]) -> anyhow::Result<()> {
        let begun = self.ask("POST", key, "uploads=", b"")?.good()?;
        let upload = Xml::new(&begun.text()).first("UploadId").unwrap();
        let mut list = String::from("<CompleteMultipartUpload>");
        for (number, part) in (1..).zip(parts) {
            let query = format!("partNumber={number}&uploadId={upload}");
            let sent = self.ask("PUT", key, &query, part)?.good()?;
            let tag = sent.header("etag").unwrap();
            list.push_str(&format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"));
        }
        list.push_str("</CompleteMultipartUpload>");
        let query = format!("uploadId={upload}");
        let done = self.ask("POST", key, &query, list.as_bytes())?.good()?;
        anyhow::ensure!(!done.text().contains("<Error>"), "{}", done.text());
        Ok(())
    }

    /// Ends all uploads that were begun and not completed, and says how many.
    pub fn abort_uploads(&mut self) -> usize {
        let mut count = 0;
        loop {
            let found = Xml::new(&self.ask("GET", "", "uploads=", b"").unwrap().good().unwrap().text());
            let (keys, uploads) = (found.all("Key"), found.all("UploadId"));
            if uploads.is_empty() {
                return count;
            }
            for (key, upload) in keys.iter().zip(&uploads) {
                self.ask("DELETE", key, &format!("uploadId={upload}"), b"").unwrap().good().unwrap();
                count += 1;
            }
        }
    }
}
