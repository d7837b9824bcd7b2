//! An organization with its credentials, made the way a first user makes one.

use crate::http::{Answer, Request};
use crate::server::Server;
use serde_json::{Value, json};
use std::fs;

/// An organization that responds by itself, and tokens to act in it.
#[derive(Debug, Clone)]
pub struct Organization {
    /// Its id.
    pub id: String,
    /// A person with the role `org_admin`.
    pub admin: String,
    /// A source of CloudTrail events of [`ACCOUNT`].
    pub source: String,
}

/// The account that the events of the tests speak of.
pub const ACCOUNT: &str = "111122223333";

/// Reads the one-time administrator secret that the first `serve` left.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn administrator(server: &Server) -> String {
    let text = fs::read_to_string(server.dir.join("administrator.secret")).expect("the administrator secret");
    text.trim().to_owned()
}

impl Organization {
    /// Creates one, with the administrator's secret, and lets it respond by itself at once.
    ///
    /// # Panics
    /// If any step is refused.
    #[must_use]
    pub fn create(server: &Server) -> Self {
        let mut organization = Self::observing(server);
        organization.respond(server, "automatic");
        organization.source = organization.ingest(server, &[ACCOUNT]);
        organization
    }

    /// Creates one as it is by default: it observes.
    ///
    /// # Panics
    /// If any step is refused.
    #[must_use]
    pub fn observing(server: &Server) -> Self {
        let created = Request::new("POST", "/api/v1/organizations")
            .token(&administrator(server))
            .json(&json!({"name": "Example", "person": "ada"}));
        let created = server.send(&created).ok().json();
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        Self {
            id: text(&created["organization"]),
            admin: text(&created["person"]["token"]),
            source: String::new(),
        }
    }

    /// Sets how far the response goes.
    ///
    /// # Panics
    /// If it is refused.
    pub fn respond(&self, server: &Server, mode: &str) {
        let request = Request::new("PUT", "/api/v1/response").token(&self.admin).json(&json!({"mode": mode}));
        let _ = server.send(&request).ok();
    }

    /// Issues a credential of any kind and gives its token.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn issue(&self, server: &Server, grant: &Value) -> String {
        let request =
            Request::new("POST", "/api/v1/credentials").token(&self.admin).json(&json!({"grant": grant}));
        let issued = server.send(&request).ok().json();
        issued["token"].as_str().expect("a token").to_owned()
    }

    /// Issues a credential that may send events of these accounts.
    #[must_use]
    pub fn ingest(&self, server: &Server, accounts: &[&str]) -> String {
        self.issue(server, &json!({"kind": "ingest", "format": "aws.cloudtrail", "accounts": accounts}))
    }

    /// Issues a credential bound to an identity.
    #[must_use]
    pub fn bind(&self, server: &Server, identity: &str) -> String {
        self.issue(server, &json!({"kind": "identity", "identity": identity}))
    }

    /// Issues a credential of a person.
    #[must_use]
    pub fn person(&self, server: &Server, name: &str, role: &str) -> String {
        self.issue(server, &json!({"kind": "person", "name": name, "role": role}))
    }

    /// Reads as the administrator of the organization.
    #[must_use]
    pub fn get(&self, server: &Server, path: &str) -> Answer {
        server.send(&Request::new("GET", path).token(&self.admin))
    }

    /// All rows of a list, over its pages.
    ///
    /// # Panics
    /// If a page is refused.
    #[must_use]
    pub fn list(&self, server: &Server, path: &str) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut page = format!("{path}?limit=500");
        loop {
            let answer = self.get(server, &page).ok().json();
            rows.extend(answer["items"].as_array().expect("rows").iter().cloned());
            let Some(next) = answer["next"].as_str() else { return rows };
            page = format!("{path}?limit=500&after={}", percent(next));
        }
    }

    /// The identity of this name: an access key's id, or an ARN.
    #[must_use]
    pub fn identity(&self, server: &Server, name: &str) -> Option<Value> {
        self.list(server, "/api/v1/identities").into_iter().find(|identity| identity["name"] == name)
    }

    /// Sends events as NDJSON.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn events(&self, server: &Server, events: &[Value]) -> std::io::Result<Answer> {
        let lines: Vec<String> = events.iter().map(Value::to_string).collect();
        let request = Request::new("POST", "/api/v1/events")
            .token(&self.source)
            .body("application/x-ndjson", lines.join("\n"));
        request.send(&server.socket())
    }

    /// The log from its beginning: every event as kept.
    ///
    /// # Panics
    /// If it is refused.
    #[must_use]
    pub fn log(&self, server: &Server) -> Vec<Value> {
        self.get(server, "/api/v1/events?from=0").ok().lines()
    }
}

/// Percent-encodes for a query.
#[must_use]
pub fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
