//! An activity as an OCSF 1.8.0 event: 3001, 3002, 3006, 6003 or 6005, with the `cloud` profile.
//!
//! What 1.8.0 has no place for stands under `unmapped` by the names of 1.9.0: `ai_operation.ai_agent`, and
//! `delegation`, nearest link first. For the step to 1.9.0, where Account Change (3001) becomes User
//! Management (3007) and Role Management (3008), [`Class::next_uid`] says which it will be.

use crate::{Activity, Class, IdentityKind, Outcome, PrincipalKind};
use sonic_rs::{JsonValueMutTrait as _, Value, json};
use std::net::IpAddr;

/// The version of OCSF that is emitted.
pub const VERSION: &str = "1.8.0";

/// What the beginning of a word in an action's name says that it does: the activity of each class.
struct Verb {
    words: &'static [&'static str],
    account: i64,
    group: i64,
    api: i64,
    datastore: i64,
}

const OTHER: i64 = 99;

/// The first line with a word that the action's name holds decides; words are compared in lower case.
const VERBS: &[Verb] = &[
    verb(&["resetpassword", "reset_password", "reset password"], 4, OTHER, 3, 2),
    verb(&["changepassword", "change_password", "loginprofile", "change password"], 3, OTHER, 3, 2),
    verb(&["enablemfa"], 10, OTHER, 3, 2),
    verb(&["deactivatemfa", "mfa.factor.deactivate", "disable strong auth"], 11, OTHER, 3, 2),
    verb(&["unlock"], 12, OTHER, 3, 2),
    verb(&["lock"], 9, OTHER, 3, 2),
    verb(&["disable", "suspend", "deactivate"], 5, OTHER, 3, 2),
    verb(&["enable", "unsuspend", "reactivate"], 2, OTHER, 3, 2),
    verb(&["attach", "assign", "grant"], 7, 1, 3, 2),
    verb(&["detach", "unassign", "revoke"], 8, 2, 3, 2),
    verb(
        &["addusertogroup", "membership.add", "add_member", "add member", "creategroupmembership"],
        OTHER,
        3,
        1,
        5,
    ),
    verb(
        &[
            "removeuserfromgroup",
            "membership.remove",
            "remove_member",
            "remove member",
            "deletegroupmembership",
        ],
        OTHER,
        4,
        4,
        7,
    ),
    verb(&["delete", "remove", "destroy", "purge", "terminate"], 6, 5, 4, 7),
    verb(&["create", "insert", "add", "import", "upload", "register", "new"], 1, 6, 1, 5),
    verb(&["put", "write", "batchwrite"], OTHER, OTHER, 3, 5),
    verb(&["update", "modify", "set", "patch", "change", "edit"], OTHER, OTHER, 3, 2),
    verb(&["query", "scan", "select", "executestatement"], OTHER, OTHER, 2, 4),
    verb(&["list"], OTHER, OTHER, 2, 8),
    verb(&["get", "describe", "head", "read", "download", "access", "search", "watch"], OTHER, OTHER, 2, 1),
];

const fn verb(words: &'static [&'static str], account: i64, group: i64, api: i64, datastore: i64) -> Verb {
    Verb { words, account, group, api, datastore }
}

impl Class {
    /// OCSF's `category_uid`.
    #[must_use]
    pub const fn category_uid(self) -> u32 {
        self.uid() / 1_000
    }

    /// OCSF's `category_name`.
    #[must_use]
    pub const fn category_name(self) -> &'static str {
        match self.category_uid() {
            3 => "Identity & Access Management",
            _ => "Application Activity",
        }
    }

    /// The `class_uid` that an activity of this class has in OCSF 1.9.0, by whom it is about.
    #[must_use]
    pub const fn next_uid(self, about: Option<IdentityKind>) -> u32 {
        match (self, about) {
            (Self::AccountChange, Some(IdentityKind::Role)) => 3008,
            (Self::AccountChange, _) => 3007,
            (other, _) => other.uid(),
        }
    }

    fn activity_id(self, action: &str, read_only: Option<bool>) -> i64 {
        let action = action.to_lowercase();
        if self == Self::Authentication {
            return if action.contains("logout") || action.contains("logoff") || action.contains("session.end")
            {
                2
            } else {
                1
            };
        }
        let found = VERBS.iter().find(|verb| verb.words.iter().any(|word| action.contains(word)));
        match (self, found) {
            (Self::ApiActivity, _) if read_only == Some(true) => 2,
            (Self::DatastoreActivity, None) if read_only == Some(true) => 1,
            (Self::AccountChange, Some(verb)) => verb.account,
            (Self::GroupManagement, Some(verb)) => verb.group,
            (Self::ApiActivity, Some(verb)) => verb.api,
            (Self::DatastoreActivity, Some(verb)) => verb.datastore,
            _ => OTHER,
        }
    }
}

impl Activity<'_> {
    /// The activity as an OCSF 1.8.0 event, in JSON. It holds what is normalized, not the event's own fields:
    /// those stand in [`raw`](Self::raw). Cost: one small tree.
    #[must_use]
    pub fn to_ocsf(&self) -> String {
        let class = self.class;
        let activity = class.activity_id(&self.action, self.read_only);
        let mut event = json!({
            "activity_id": activity,
            "activity_name": (if activity == OTHER { self.action.as_ref() } else { "" }),
            "category_uid": class.category_uid(),
            "category_name": class.category_name(),
            "class_uid": class.uid(),
            "class_name": class.name(),
            "type_uid": i64::from(class.uid()) * 100 + activity,
            "severity_id": 1,
            "severity": "Informational",
            "time": self.time.millis(),
            "status_id": 1,
            "status": "Success",
            "metadata": self.metadata(),
            "cloud": self.cloud(),
            "actor": self.actor(),
            "api": {"operation": self.action.as_ref()},
        });
        let set = |event: &mut Value, name: &str, value: Value| {
            if let Some(object) = event.as_object_mut() {
                object.insert(name, value);
            }
        };
        if activity != OTHER
            && let Some(object) = event.as_object_mut()
        {
            object.remove(&"activity_name");
        }
        if !self.service.is_empty()
            && let Some(api) = event.get_mut("api")
        {
            set(api, "service", json!({"name": self.service.as_ref()}));
        }
        if let Outcome::Failure { code } = self.outcome {
            set(&mut event, "status_id", json!(2));
            set(&mut event, "status", json!("Failure"));
            set(&mut event, "status_code", json!(code));
        }
        if let Some(endpoint) = self.endpoint() {
            set(&mut event, "src_endpoint", endpoint);
        }
        if let Some(agent) = self.user_agent {
            set(&mut event, "http_request", json!({"user_agent": agent}));
        }
        let about = self.target.unwrap_or(&self.actor.name);
        match class {
            Class::AccountChange => set(&mut event, "user", json!({"name": about})),
            Class::GroupManagement => set(&mut event, "group", json!({"name": about})),
            Class::Authentication => {
                set(&mut event, "user", self.user().unwrap_or_else(|| json!({"name": "unknown"})));
                set(&mut event, "service", json!({"name": self.service.as_ref()}));
            }
            Class::DatastoreActivity => {
                let bucket = json!({"name": self.target.unwrap_or(&self.service), "type_id": 0});
                set(&mut event, "databucket", bucket);
            }
            Class::ApiActivity => {
                if let Some(target) = self.target {
                    set(&mut event, "resources", json!([{"name": target}]));
                }
            }
        }
        if let Some(unmapped) = self.unmapped() {
            set(&mut event, "unmapped", unmapped);
        }
        sonic_rs::to_string(&event).unwrap_or_default()
    }

    fn metadata(&self) -> Value {
        let product = if self.logsource.product.is_empty() { "unknown" } else { self.logsource.product };
        let mut metadata = json!({
            "version": VERSION,
            "profiles": ["cloud"],
            "product": {"name": product},
            "log_name": self.logsource.service,
        });
        if let (Some(id), Some(object)) = (self.event_id, metadata.as_object_mut()) {
            object.insert("original_event_uid", id);
        }
        metadata
    }

    fn cloud(&self) -> Value {
        let provider = self.actor.identity.as_ref().map_or(self.logsource.product, |key| key.provider);
        let mut cloud = json!({"provider": (if provider.is_empty() { "unknown" } else { provider })});
        if let Some(object) = cloud.as_object_mut() {
            if let Some(account) = self.account {
                object.insert("account", json!({"uid": account}));
            }
            if let Some(region) = self.region {
                object.insert("region", region);
            }
        }
        cloud
    }

    fn user(&self) -> Option<Value> {
        let actor = &self.actor;
        let identity = actor.identity.as_ref();
        let name = Some(actor.name.as_ref()).filter(|name| !name.is_empty());
        let shown = identity.map(|key| key.native.as_ref()).or(name)?;
        // User, System or Service, in the words of OCSF.
        let (kind, word) = match actor.kind {
            PrincipalKind::User | PrincipalKind::IdentityCenter | PrincipalKind::Saml => (1, "User"),
            PrincipalKind::Root => (2, "Admin"),
            PrincipalKind::Unknown => (0, "Unknown"),
            PrincipalKind::Service if actor.facts.provider_owned => (3, "System"),
            _ => (4, "Service"),
        };
        let mut user = json!({"uid": shown, "name": name.unwrap_or(shown), "type_id": kind, "type": word});
        if let Some(object) = user.as_object_mut() {
            if let Some(account) = identity.and_then(|key| key.account).filter(|account| !account.is_empty())
            {
                object.insert("account", json!({"uid": account}));
            }
            if let Some(key) = actor.session.access_key {
                object.insert("credential_uid", key);
            }
        }
        Some(user)
    }

    fn actor(&self) -> Value {
        let Some(user) = self.user() else { return json!({"app_name": "unknown"}) };
        let mut actor = json!({"user": user});
        if let Some(object) = actor.as_object_mut() {
            if let Some(session) = self.actor.session.name {
                object.insert("session", json!({"uid": session}));
            }
            if let Some(by) = self.actor.session.invoked_by {
                object.insert("invoked_by", by);
            }
        }
        actor
    }

    /// Where it came from; the two classes that must say so do, and say that it is unknown.
    fn endpoint(&self) -> Option<Value> {
        match self.source_ip {
            Some(ip) if ip.parse::<IpAddr>().is_ok() => Some(json!({"ip": ip})),
            // A service that called, by its name.
            Some(name) => Some(json!({"svc_name": name})),
            None if matches!(self.class, Class::ApiActivity | Class::DatastoreActivity) => {
                Some(json!({"name": "unknown"}))
            }
            None => None,
        }
    }

    fn unmapped(&self) -> Option<Value> {
        let actor = &self.actor;
        let mut unmapped = json!({});
        let object = unmapped.as_object_mut()?;
        if let (PrincipalKind::Agent, Some(key)) = (actor.kind, &actor.identity) {
            let mut agent = json!({"uid": key.native.as_ref(), "name": key.name.as_ref(), "type_id": 0});
            if let (Some(session), Some(agent)) = (actor.session.name, agent.as_object_mut()) {
                agent.insert("instance_uid", session);
            }
            object.insert("ai_operation", json!({"ai_agent": agent}));
        }
        if !actor.delegation.is_empty() {
            let links =
                actor.delegation.iter().enumerate().map(|(at, link)| match actor.delegation.get(at + 1) {
                    Some(parent) => json!({"uid": link.as_ref(), "parent_uid": parent.as_ref()}),
                    None => json!({"uid": link.as_ref()}),
                });
            object.insert("delegation", links.collect::<Vec<_>>());
        }
        (!object.is_empty()).then_some(unmapped)
    }
}
