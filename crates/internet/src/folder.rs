//! Files of a directory, as paths of URLs name them.
//!
//! Owns that nothing outside of the directory is ever opened: the kernel resolves each path beneath it and follows no link
//! out of it (`openat2` with `RESOLVE_BENEATH`, Linux 5.6). Files are read in parts, so that a large one takes no more memory
//! than a small one.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat, openat2};
use rustix::io::Errno;
use tokio::io::AsyncReadExt;

use crate::http::Body;

/// What of a file is in memory at once, for each connection.
const PART_BYTES: usize = 64 * 1024;
/// What a directory answers.
const INDEX: &str = "index.html";

/// The kinds of files by the ends of their names; everything else is bytes.
const KINDS: &[(&str, &str)] = &[
    (".html", "text/html; charset=utf-8"),
    (".htm", "text/html; charset=utf-8"),
    (".txt", "text/plain; charset=utf-8"),
    (".md", "text/plain; charset=utf-8"),
    (".css", "text/css; charset=utf-8"),
    (".js", "text/javascript; charset=utf-8"),
    (".json", "application/json"),
    (".xml", "application/xml"),
    (".svg", "image/svg+xml"),
    (".png", "image/png"),
    (".jpg", "image/jpeg"),
    (".gif", "image/gif"),
];
const BYTES: &str = "application/octet-stream";

/// A directory whose files are answered.
pub(crate) struct Folder(PathBuf);

/// What there is at a path.
pub(crate) enum Found {
    /// A file.
    File {
        /// Its media type.
        kind: &'static str,
        /// Its length in bytes.
        length: u64,
        /// Its bytes.
        body: Body,
    },
    /// A directory, which has this path.
    Folder(String),
    /// Nothing that is answered.
    Nothing,
}

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// What there is at the path of a URL.
    pub(crate) async fn find(&self, url_path: &str) -> io::Result<Found> {
        let Some(mut path) = relative(url_path) else { return Ok(Found::Nothing) };
        if path.is_empty() || path.ends_with('/') {
            path.push_str(INDEX);
        }
        let (folder, asked) = (self.0.clone(), path.clone());
        // Files can be on a disk that takes its time.
        let opened =
            tokio::task::spawn_blocking(move || open(&folder, &asked)).await.map_err(io::Error::other)?;
        let Some(file) = opened? else { return Ok(Found::Nothing) };
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Ok(Found::Folder(format!("{url_path}/")));
        }
        if !metadata.is_file() {
            return Ok(Found::Nothing);
        }
        let lower = path.to_ascii_lowercase();
        let kind = KINDS.iter().find(|(end, _)| lower.ends_with(end)).map_or(BYTES, |(_, kind)| kind);
        Ok(Found::File { kind, length: metadata.len(), body: body(file, metadata.len()) })
    }
}

/// The path below the directory that a URL's names, without the slash that it begins with. `None` for one that no file has.
fn relative(url_path: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(url_path).decode_utf8().ok()?;
    let path = decoded.strip_prefix('/')?;
    let is_plain = !path.contains('\0') && !path.starts_with('/');
    is_plain.then(|| path.to_owned())
}

fn open(folder: &Path, path: &str) -> io::Result<Option<File>> {
    let directory = openat(CWD, folder, OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH, Mode::empty())?;
    // A pipe would wait for a writer.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    let opened: Result<OwnedFd, Errno> = openat2(&directory, path, flags, Mode::empty(), resolve);
    match opened {
        Ok(file) => Ok(Some(File::from(file))),
        // Not there, outside, no directory on the way, too long, a loop of links, or a socket.
        Err(
            Errno::NOENT
            | Errno::XDEV
            | Errno::NOTDIR
            | Errno::NAMETOOLONG
            | Errno::LOOP
            | Errno::NXIO
            | Errno::ACCESS,
        ) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The bytes of a file up to the length that was announced. One that has become shorter ends the connection.
fn body(file: File, length: u64) -> Body {
    let file = tokio::fs::File::from_std(file);
    let parts = stream::try_unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let mut part = BytesMut::with_capacity(PART_BYTES);
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(PART_BYTES);
        let count = (&mut file).take(most as u64).read_buf(&mut part).await?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let left = left.saturating_sub(count as u64);
        Ok(Some((Frame::data(Bytes::from(part)), (file, left))))
    });
    StreamBody::new(parts).boxed_unsync()
}
