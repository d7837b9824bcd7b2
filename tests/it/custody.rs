//! Custodians as a test needs them: their key pairs, and a ceremony that they attend.

use crate::spine::House;
use node::custody::{CustodianKey, Invitation, SealedShare, open_share};
use serde_json::{Value, json};
use std::cell::RefCell;
use tests::http::Request;

/// Custodians, and the ceremony that they attend.
pub(crate) struct Custodians {
    keys: Vec<CustodianKey>,
    now: RefCell<Option<Meeting>>,
}

/// A ceremony that was begun.
struct Meeting {
    id: String,
    invitation: Invitation,
    shares: Vec<SealedShare>,
    given: usize,
}

impl Custodians {
    pub(crate) fn new(names: &[&str]) -> Self {
        let provider = crypto::aws_lc();
        let key = |name: &&str| CustodianKey::generate(&*provider, name).expect("a key pair");
        Self { keys: names.iter().map(key).collect(), now: RefCell::default() }
    }

    /// What a setup is given.
    pub(crate) fn public(&self) -> Vec<Value> {
        self.keys.iter().map(|key| serde_json::to_value(key.public()).expect("JSON")).collect()
    }

    /// The ceremony's id.
    pub(crate) fn ceremony(&self) -> Option<String> {
        self.now.borrow().as_ref().map(|meeting| meeting.id.clone())
    }

    /// Sets recovery up where it is not, begins a ceremony, and, to the quorum, has the shares given.
    pub(crate) fn meet(&self, house: &House, admin: &str, aim: &str, quorum: bool) {
        let shown = house.organization.get(&house.server, "/api/v1/recovery").ok().json();
        let recovery = match shown["recovery"].clone() {
            Value::Null => {
                let body = json!({"threshold": 2, "custodians": self.public()});
                set_up(house, admin, &body)
            }
            recovery => recovery,
        };
        let path = format!("/api/v1/recovery/ceremonies?aim={aim}");
        let begun = house.server.send(&Request::new("POST", &path).token(admin)).ok().json();
        self.attend(&begun, &recovery);
        while quorum && self.now.borrow().as_ref().is_some_and(|meeting| meeting.given < 2) {
            let id = self.ceremony().expect("it was begun");
            let path = format!("/api/v1/recovery/ceremonies/{id}/approve");
            let body = json!({"contribution": self.next()});
            let _ = house.server.send(&Request::new("POST", &path).token(admin).json(&body)).ok();
        }
    }

    /// Takes a ceremony and the shares of its setup down.
    pub(crate) fn attend(&self, ceremony: &Value, recovery: &Value) {
        let of = |value: &Value| serde_json::from_value(value.clone()).expect("a sealed share");
        *self.now.borrow_mut() = Some(Meeting {
            id: ceremony["id"].as_str().expect("an id").to_owned(),
            invitation: serde_json::from_value(ceremony["invitation"].clone()).expect("an invitation"),
            shares: recovery["shares"].as_array().expect("shares").iter().map(of).collect(),
            given: 0,
        });
    }

    /// The next custodian's share for the ceremony.
    pub(crate) fn next(&self) -> Value {
        let mut now = self.now.borrow_mut();
        let Some(meeting) = now.as_mut() else { return json!({}) };
        let which = meeting.given % self.keys.len();
        meeting.given += 1;
        let provider = crypto::aws_lc();
        let share = open_share(&*provider, &self.keys[which], &meeting.shares[which], &meeting.invitation);
        serde_json::to_value(share.expect("its own share opens")).expect("JSON")
    }
}

/// Has one person ask for a setup, and another approve it.
pub(crate) fn set_up(house: &House, admin: &str, body: &Value) -> Value {
    let post = |token: &str, path: &str, body: &Value| {
        house.server.send(&Request::new("POST", path).token(token).json(body))
    };
    let asked = post(admin, "/api/v1/recovery", body).ok().json();
    let path = format!("/api/v1/recovery/requests/{}/approve", asked["id"].as_str().expect("an id"));
    let own = post(admin, &path, &json!({}));
    assert_eq!(own.status, 403, "nobody approves their own request: {}", own.text());
    let second = house.organization.person(&house.server, "the second", "org_admin");
    post(&second, &path, &json!({})).ok().json()
}
