//! What an operation is, and how its request becomes an HTTP request.
//!
//! A request is one flat value. The fields that the path names stand in the path; the others stand in
//! the query, or, for an operation that takes a document and is no `GET`, in a JSON body. So one rule
//! serves every operation on both sides, and a field never appears twice.

use crate::Problem;
use base::{Action, Kind};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

/// One thing that can be asked of a running Nexora.
pub trait Operation: Send + Sync + 'static {
    /// Its name, `noun.verb`, unique.
    const NAME: &'static str;
    /// One line on what it does.
    const SUMMARY: &'static str;
    /// The HTTP method.
    const VERB: Verb;
    /// The path, with the request's fields that stand in it in braces.
    const PATH: &'static str;
    /// What `policy` is asked.
    const ACTION: Action;
    /// The kind of the entry that it leaves; `None` for what changes nothing and hands out nothing that is worth one.
    const AUDIT: Option<ledger::Kind>;
    /// What the caller sends besides the request's fields.
    const INPUT: Input;
    /// What comes back.
    const OUTPUT: Output;
    /// The request's fields.
    type Request: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The reply, one line of it where [`Output::Lines`], or [`Nothing`](crate::operation::Nothing)
    /// where it is bytes.
    type Reply: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
}

/// No fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
pub struct Nothing {}

/// The HTTP method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Acts.
    Post,
    /// Sets.
    Put,
    /// Takes away.
    Delete,
}

impl Verb {
    /// As `http` knows it.
    #[must_use]
    pub const fn method(self) -> http::Method {
        match self {
            Self::Get => http::Method::GET,
            Self::Post => http::Method::POST,
            Self::Put => http::Method::PUT,
            Self::Delete => http::Method::DELETE,
        }
    }
}

/// What a caller sends besides the fields in the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The request's other fields, in the query of a `GET` and in a JSON body else.
    Document,
    /// The other fields in the query, and a body of this media type, streamed.
    Bytes(&'static str),
    /// The other fields in the query, and `multipart/form-data` with these parts in this order, of which
    /// the last is streamed.
    Parts(&'static [&'static str]),
}

/// What comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// The reply as JSON.
    Document,
    /// Replies as NDJSON, streamed, with an [outcome](crate::outcome) at the end.
    Lines,
    /// A body of this media type, streamed, with an [outcome](crate::outcome) at the end.
    Bytes(&'static str),
    /// `multipart/mixed` with these parts in this order, streamed, with an [outcome](crate::outcome) at
    /// the end.
    Parts(&'static [&'static str]),
}

/// An [`Operation`] as a value, for tables.
#[derive(Debug, Clone, Copy)]
pub struct Descriptor {
    /// [`Operation::NAME`].
    pub name: &'static str,
    /// [`Operation::SUMMARY`].
    pub summary: &'static str,
    /// [`Operation::VERB`].
    pub verb: Verb,
    /// [`Operation::PATH`].
    pub path: &'static str,
    /// [`Operation::ACTION`].
    pub action: Action,
    /// [`Operation::AUDIT`].
    pub audit: Option<ledger::Kind>,
    /// [`Operation::INPUT`].
    pub input: Input,
    /// [`Operation::OUTPUT`].
    pub output: Output,
    /// The schema of the request's fields.
    pub request: fn(&mut SchemaGenerator) -> Schema,
    /// The schema of the reply.
    pub reply: fn(&mut SchemaGenerator) -> Schema,
}

impl Descriptor {
    /// The descriptor of one operation.
    #[must_use]
    pub const fn of<O: Operation>() -> Self {
        Self {
            name: O::NAME,
            summary: O::SUMMARY,
            verb: O::VERB,
            path: O::PATH,
            action: O::ACTION,
            audit: O::AUDIT,
            input: O::INPUT,
            output: O::OUTPUT,
            request: SchemaGenerator::subschema_for::<O::Request>,
            reply: SchemaGenerator::subschema_for::<O::Reply>,
        }
    }
}

/// The names in braces of a path, in order.
pub fn parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

/// Whether the request's fields that are not in the path stand in the query.
const fn in_query<O: Operation>() -> bool {
    matches!(O::VERB, Verb::Get | Verb::Delete) || !matches!(O::INPUT, Input::Document)
}

/// A request as it goes on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Path and query.
    pub path_and_query: String,
    /// The JSON body, where there is one.
    pub body: Option<Vec<u8>>,
}

/// Lays a request out over path, query and body.
///
/// # Errors
/// A field that the path names has no value, or a field of the query is no plain value: a fault of
/// whoever wrote the operation.
pub fn encode<O: Operation>(request: &O::Request) -> Result<Target, Problem> {
    let wrong = |what: &str| Problem::new(Kind::Internal, format!("{}: {what}", O::NAME));
    let Ok(Value::Object(mut fields)) = serde_json::to_value(request) else {
        return Err(wrong("the request is no object"));
    };
    let mut path = String::new();
    for part in O::PATH.split('/').skip(1) {
        path.push('/');
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) => {
                let value = fields.remove(name).as_ref().and_then(plain);
                let value = value.filter(|value| !value.is_empty() && value != "." && value != "..");
                percent(&value.ok_or_else(|| wrong("a field of the path is empty"))?, &mut path);
            }
            None => path.push_str(part),
        }
    }
    fields.retain(|_, value| !value.is_null());
    if !in_query::<O>() {
        let body = Value::Object(fields).to_string().into_bytes();
        return Ok(Target { path_and_query: path, body: Some(body) });
    }
    let pairs: Option<Vec<(String, String)>> =
        fields.into_iter().map(|(name, value)| Some((name, plain(&value)?))).collect();
    let pairs = pairs.ok_or_else(|| wrong("a field of the query is no plain value"))?;
    if !pairs.is_empty() {
        path.push('?');
        path.push_str(&serde_urlencoded::to_string(pairs).map_err(|_| wrong("no query"))?);
    }
    Ok(Target { path_and_query: path, body: None })
}

/// Puts a request together again: the decoded values of the path, the raw query, and the body.
///
/// # Errors
/// [`Kind::BadInput`] where a field is missing, unknown, doubled or of the wrong form.
pub fn decode<O: Operation>(
    path: &[(String, String)],
    query: &str,
    body: &[u8],
) -> Result<O::Request, Problem> {
    let wrong = |error: &dyn std::fmt::Display| {
        Problem::new(Kind::BadInput, format!("the request cannot be read: {error}"))
    };
    if in_query::<O>() {
        let path = serde_urlencoded::to_string(path).map_err(|error| wrong(&error))?;
        let all = format!("{path}{}{query}", if path.is_empty() || query.is_empty() { "" } else { "&" });
        return serde_urlencoded::from_str(&all).map_err(|error| wrong(&error));
    }
    if !query.is_empty() {
        return Err(wrong(&"this operation takes no query; its fields stand in the JSON body"));
    }
    let mut fields: Map<String, Value> = if body.is_empty() {
        Map::new()
    } else {
        serde_json::from_slice(body)
            .map_err(|error| wrong(&error).at(format!("line {} column {}", error.line(), error.column())))?
    };
    for (name, value) in path {
        if fields.insert(name.clone(), Value::String(value.clone())).is_some() {
            return Err(wrong(&format!("`{name}` stands in the path and again in the body")));
        }
    }
    serde_json::from_value(Value::Object(fields)).map_err(|error| wrong(&error))
}

/// A value as it stands in a path or a query.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn percent(text: &str, out: &mut String) {
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&base::digest::hex(&[byte]).to_uppercase());
        }
    }
}

/// Declares operations: `Name: "noun.verb", Verb "/path", Action, audit, Request => Reply;` and, behind
/// `Reply`, `takes INPUT` and `gives OUTPUT` where they are not documents.
macro_rules! operations {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident: $code:literal, $verb:ident $path:literal, $action:ident, $audit:expr,
        $request:ty => $reply:ty $(, takes $input:expr)? $(, gives $output:expr)?;
    )*) => {$(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy)]
        pub enum $name {}
        impl $crate::Operation for $name {
            const NAME: &'static str = $code;
            const SUMMARY: &'static str = concat!($($doc),+).trim_ascii();
            const VERB: $crate::Verb = $crate::Verb::$verb;
            const PATH: &'static str = $path;
            const ACTION: base::Action = base::Action::$action;
            const AUDIT: Option<ledger::Kind> = $audit;
            const INPUT: $crate::Input = $crate::operation::either!([$($input)?] $crate::Input::Document);
            const OUTPUT: $crate::Output = $crate::operation::either!([$($output)?] $crate::Output::Document);
            type Request = $request;
            type Reply = $reply;
        }
    )*};
}

/// The first of what is there.
macro_rules! either {
    ([] $otherwise:expr) => {
        $otherwise
    };
    ([$given:expr] $otherwise:expr) => {
        $given
    };
}

pub(crate) use {either, operations};

#[cfg(test)]
mod tests {
    use super::{Descriptor, decode, encode, parameters};
    use crate::{OPERATIONS, findings, identities};
    use base::{Id, Severity};
    use std::collections::BTreeSet;

    #[test]
    fn a_request_survives_path_query_and_body() {
        let list = findings::ListRequest {
            severity: Some(Severity::High),
            identity: None,
            limit: Some(7),
            after: Some("a/b &c=ü".to_owned()),
        };
        let target = encode::<findings::List>(&list).expect("it can be written");
        let (path, query) = target.path_and_query.split_once('?').expect("it has a query");
        assert_eq!((path, target.body.as_ref()), ("/api/v1/findings", None));
        let read = decode::<findings::List>(&[], query, b"").expect("it can be read");
        assert_eq!((read.severity, read.limit, read.after), (list.severity, list.limit, list.after));

        let identity = Id::from_bytes([9; 16]);
        let release = identities::ReleaseRequest { identity, reason: Some("false alarm".to_owned()) };
        let target = encode::<identities::Release>(&release).expect("it can be written");
        assert_eq!(target.path_and_query, format!("/api/v1/identities/{identity}/release"));
        let body = target.body.expect("it has a body");
        let path = [("identity".to_owned(), identity.to_string())];
        let read = decode::<identities::Release>(&path, "", &body).expect("it can be read");
        assert_eq!((read.identity, read.reason), (identity, release.reason));
        let twice = format!(r#"{{"identity":"{identity}"}}"#);
        assert!(decode::<identities::Release>(&path, "", twice.as_bytes()).is_err());
        assert!(decode::<identities::Release>(&path, "x=1", &body).is_err());
        assert!(decode::<identities::Release>(&path, "", b"{").is_err());
    }

    #[test]
    fn the_table_has_no_doubles_and_every_change_has_a_kind() {
        let names: BTreeSet<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
        let routes: BTreeSet<_> = OPERATIONS
            .iter()
            .map(|operation| (operation.verb.method().to_string(), operation.path))
            .collect();
        assert_eq!((names.len(), routes.len()), (OPERATIONS.len(), OPERATIONS.len()));
        for Descriptor { name, path, verb, audit, .. } in OPERATIONS {
            assert!(path.starts_with("/api/v1/"), "{name}");
            // A reading leaves one too where what it hands out is worth it.
            assert!(audit.is_some() || *verb == crate::Verb::Get, "{name}: reads, or leaves an entry");
            assert!(parameters(path).all(|name| !name.is_empty()), "{name}");
        }
    }
}
