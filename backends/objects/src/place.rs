//! Where an object storage is, and how it is reached: a URL, and options in a file of their own.

use base::{Fault, Kind, Secret};
use object_store::path::Path;
use std::{fmt, str::FromStr};
use url::Url;

/// The longest text of options, in bytes.
const MAX_OPTIONS: usize = 64 << 10;

/// A bucket or container, and a prefix in it: `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX`, `az://CONTAINER/PREFIX`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    url: Url,
    prefix: Path,
}

/// What names no place, or options that nobody understands.
#[derive(Debug, thiserror::Error)]
pub enum WrongPlace {
    /// Not a URL of an object storage. It is not repeated: whoever put credentials in it would find them in a log.
    #[error(
        "no object storage is named: give s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )]
    Url,
    /// A line of the options that is none. The line itself may be a secret, so it is not repeated.
    #[error("line {0} of the storage's options is not `name = value`")]
    Line(usize),
    /// The options are no text, or too long.
    #[error("the storage's options are no text of at most {MAX_OPTIONS} bytes")]
    Options,
    /// The client does not take these options.
    #[error("the object storage cannot be used as it is configured")]
    Client(#[source] object_store::Error),
}

impl Fault for WrongPlace {
    fn kind(&self) -> Kind {
        Kind::BadInput
    }
}

impl FromStr for Place {
    type Err = WrongPlace;

    fn from_str(text: &str) -> Result<Self, WrongPlace> {
        let wrong = || WrongPlace::Url;
        let url: Url = text.parse().map_err(|_| wrong())?;
        let known = matches!(url.scheme(), "s3" | "gs" | "az");
        let bare = url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !known || !bare || url.host_str().is_none_or(str::is_empty) {
            return Err(wrong());
        }
        // One spelling: what the storage would write otherwise is refused here.
        let prefix =
            Path::parse(url.path().trim_start_matches('/').trim_end_matches('/')).map_err(|_| wrong())?;
        Ok(Self { url, prefix })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.url.host_str().unwrap_or_default())?;
        if self.prefix.as_ref().is_empty() { Ok(()) } else { write!(f, "/{}", self.prefix) }
    }
}

impl Place {
    /// The prefix in it.
    pub(crate) const fn prefix(&self) -> &Path {
        &self.prefix
    }

    pub(crate) const fn url(&self) -> &Url {
        &self.url
    }
}

/// Names and values, one a line with `=` between; empty lines and those that begin with `#` say nothing.
pub(crate) fn options(text: &Secret<Vec<u8>>) -> Result<Vec<(String, String)>, WrongPlace> {
    let bytes = text.expose();
    let text = std::str::from_utf8(bytes).ok().filter(|text| text.len() <= MAX_OPTIONS);
    let mut found = Vec::new();
    for (number, line) in text.ok_or(WrongPlace::Options)?.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once('=').map(|(name, value)| (name.trim(), value.trim())) {
            Some((name, value)) if !name.is_empty() && !value.is_empty() => {
                found.push((name.to_ascii_lowercase(), value.to_owned()));
            }
            _ => return Err(WrongPlace::Line(number + 1)),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Place, WrongPlace, options};
    use base::Secret;

    #[test]
    fn a_place_has_one_spelling_and_no_secret_in_it() {
        for (text, shown) in [
            ("s3://ledgers", "s3://ledgers"),
            ("s3://ledgers/", "s3://ledgers"),
            ("gs://ledgers/nexora/eu", "gs://ledgers/nexora/eu"),
            ("az://container/a/", "az://container/a"),
        ] {
            assert_eq!(text.parse::<Place>().map(|place| place.to_string()).ok().as_deref(), Some(shown));
        }
        for text in [
            "",
            "/var/ledgers",
            "ledgers",
            "s3:",
            "s3://",
            "http://bucket/x",
            "file:///etc",
            "s3://key:secret@bucket/x",
            "s3://bucket/x?region=eu",
            "s3://bucket/a//b",
            "s3://bucket:80/x",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn options_are_lines_and_a_wrong_one_is_not_repeated() {
        let read = |text: &str| options(&Secret::new(text.as_bytes().to_vec()));
        let found = read("# S3\nAWS_REGION = eu-central-1\n\naws_secret_access_key=a=b\n").expect("options");
        let expected = [("aws_region", "eu-central-1"), ("aws_secret_access_key", "a=b")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let wrong = read("a = b\nhunter2").expect_err("no line");
        assert!(matches!(wrong, WrongPlace::Line(2)) && !wrong.to_string().contains("hunter2"));
        assert!(matches!(options(&Secret::new(vec![0xff])), Err(WrongPlace::Options)));
    }
}
