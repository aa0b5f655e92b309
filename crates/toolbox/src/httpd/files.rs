//! Files of a directory as answers. Nothing outside the directory is ever read, whatever the request says.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Answer;

/// The answer to a request for a path.
pub(super) fn answer(directory: &Path, requested: &str) -> Answer {
    let Some(path) = path_in(directory, requested) else { return Answer::error(404, "Not Found") };
    match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() && !requested.ends_with('/') => {
            let mut answer = Answer::error(301, "Moved Permanently");
            answer.headers.push(("Location", format!("{requested}/")));
            answer
        }
        Ok(metadata) if metadata.is_dir() => match fs::read(path.join("index.html")) {
            Ok(body) => Answer::ok("text/html; charset=utf-8", body),
            Err(_) => list(&path, requested),
        },
        Ok(metadata) if metadata.is_file() => match fs::read(&path) {
            Ok(body) => Answer::ok(type_of(&path), body),
            Err(_) => Answer::error(403, "Forbidden"),
        },
        Ok(_) => Answer::error(403, "Forbidden"),
        Err(_) => Answer::error(404, "Not Found"),
    }
}

/// Where a requested path is, if that is inside the directory, also when links have been followed.
fn path_in(directory: &Path, requested: &str) -> Option<PathBuf> {
    let decoded = percent_decode(requested.strip_prefix('/')?)?;
    let mut path = directory.to_owned();
    for component in Path::new(&decoded).components() {
        match component {
            Component::Normal(name) => path.push(name),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    let path = fs::canonicalize(path).ok()?;
    path.starts_with(directory).then_some(path)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digits = [rest.next()?, rest.next()?];
        bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
    }
    String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}

fn list(path: &Path, requested: &str) -> Answer {
    let mut names: Vec<String> = fs::read_dir(path)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let slash = if entry.path().is_dir() { "/" } else { "" };
            format!("{}{slash}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    let title = escape(requested);
    let mut body = format!("<!DOCTYPE html>\n<title>{title}</title>\n<h1>{title}</h1>\n<ul>\n");
    for name in names {
        let name = escape(&name);
        body.push_str(&format!("<li><a href=\"{name}\">{name}</a></li>\n"));
    }
    body.push_str("</ul>\n");
    Answer::ok("text/html; charset=utf-8", body.into_bytes())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn type_of(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html" | "htm") => "text/html; charset=utf-8",
        Some("txt" | "log" | "md") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_in_the_directory_is_served() {
        let outside = tempfile::tempdir().unwrap();
        let directory = fs::canonicalize(outside.path()).unwrap().join("www");
        fs::create_dir_all(directory.join("sub")).unwrap();
        fs::write(outside.path().join("secret"), "secret").unwrap();
        fs::write(directory.join("a b.txt"), "text").unwrap();
        std::os::unix::fs::symlink("../secret", directory.join("link")).unwrap();
        for (path, status) in [
            ("/a%20b.txt", 200),
            ("/", 200),
            ("/sub", 301),
            ("/sub/", 200),
            ("/nothing", 404),
            ("/../secret", 404),
            ("/%2e%2e/secret", 404),
            ("/sub/../../secret", 404),
            ("/link", 404),
            ("//etc/passwd", 404),
            ("/%zz", 404),
            ("a", 404),
            ("", 404),
        ] {
            assert_eq!(answer(&directory, path).status.0, status, "{path}");
        }
        assert_eq!(answer(&directory, "/a%20b.txt").body, b"text");
    }
}
