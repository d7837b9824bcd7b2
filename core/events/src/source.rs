//! A source: one mapping table from its events to activities, and code only for what a table cannot say.
//!
//! Paths are dotted names; an array on the way counts by its first element. Where several are given, the
//! first that has a value decides.

use crate::class::{self, Line};
use crate::{
    Activity, Class, Facts, FieldSet, IdentityKey, IdentityKind, Logsource, Outcome, Principal,
    PrincipalKind, Reason, Session,
};
use base::Timestamp;
use sonic_rs::{JsonContainerTrait as _, JsonValueTrait as _, Value};
use std::borrow::Cow;

/// How long a name may be that is kept beyond its event, in bytes: of who acted, and of what was done. AWS
/// has none longer than an ARN's 2,048, and what the inventory and the models keep is bounded by it.
pub(crate) const MAX_NAME: usize = 4_096;

/// Answers with the first text at one of some paths of an event.
pub(crate) type Lookup<'f> = &'f dyn Fn(Paths) -> Option<&'f str>;

/// Dotted paths into an event, the preferred one first.
pub(crate) type Paths = &'static [&'static str];

/// Everything that is known of a source.
pub(crate) struct Source {
    /// Its name: provider and log, such as `kubernetes.audit`.
    pub(crate) name: &'static str,
    /// What else `--format` may call it.
    pub(crate) nicknames: &'static [&'static str],
    /// How Sigma rules name it; by the event where that tells, of which it is handed the texts at paths that
    /// [`ROUTED`](crate::sources::ROUTED) names.
    pub(crate) logsource: for<'f> fn(Lookup<'f>) -> Logsource,
    /// The log sources that only some of its events have.
    pub(crate) further: &'static [Logsource],
    /// Whether an event is one of its.
    pub(crate) recognises: fn(&Value) -> bool,
    /// How its events become activities.
    pub(crate) how: How,
    /// The account that an event speaks for: the one whose log reports it.
    pub(crate) account: for<'e> fn(&'e Value) -> Option<&'e str>,
    /// What is secret in its events.
    pub(crate) secrets: Secrets,
    /// The names by which rules call its fields, where these are not the events' own, and the paths that
    /// they mean.
    pub(crate) aliases: &'static [(&'static str, Paths)],
    /// The names that may stand at the top of its events; empty where any may.
    pub(crate) tops: &'static [&'static str],
    /// The objects in its events of which every name is known: their paths, and the names in them.
    pub(crate) closed: &'static [(&'static str, &'static [&'static str])],
}

/// How events become activities.
pub(crate) enum How {
    /// By code alone: where every nanosecond counts.
    Code(for<'e> fn(&'e Value, &'e str, Slots<'e>) -> Result<Activity<'e>, Reason>),
    /// By a table.
    Table(Mapping),
    /// Not at all: rules read the event's fields, and nothing else is known of it.
    RulesOnly,
}

type Slots<'e> = crate::Slots<'e>;

/// What is secret in a source's events, and becomes `redacted:` before anything else sees it.
#[derive(Clone, Copy)]
pub(crate) struct Secrets {
    /// Whether a name, found in an object that itself has the name `parent`, holds a secret.
    pub(crate) named: fn(parent: &str, name: &str) -> bool,
    /// The paths below which everything is secret in this event, as lists of names; arrays on the way are
    /// walked through.
    pub(crate) below: fn(&Value) -> &'static [&'static [&'static str]],
    /// Whether a text says by itself that it is a secret.
    pub(crate) looks: Option<fn(&str) -> bool>,
}

impl Secrets {
    /// By the names that hold secrets everywhere.
    pub(crate) const COMMON: Self = Self { named: crate::secrets::is_secret, below: |_| &[], looks: None };
}

/// The table of a source.
pub(crate) struct Mapping {
    /// When: RFC 3339 (UTC where it names no zone), or seconds or milliseconds since 1970.
    pub(crate) time: Paths,
    /// What was called upon.
    pub(crate) service: Find,
    /// What was called.
    pub(crate) action: Find,
    /// The code with which it failed; `None` where it succeeded.
    pub(crate) failure: for<'e> fn(&'e Value) -> Option<&'e str>,
    /// Whether it only read; `None` where the source does not say.
    pub(crate) read_only: fn(&Value) -> Option<bool>,
    /// Which calls are of which class; the others are API Activity.
    pub(crate) classes: &'static [Line],
    /// What it was done to.
    pub(crate) target: Paths,
    /// Where, in the provider's terms.
    pub(crate) region: Paths,
    /// From where.
    pub(crate) source_ip: Paths,
    /// What the caller says it is.
    pub(crate) user_agent: Paths,
    /// The provider's id of the event.
    pub(crate) event_id: Paths,
    /// Who acted.
    pub(crate) actor: for<'e> fn(&'e Value) -> Actor<'e>,
}

impl Mapping {
    /// A table that finds nothing, to be filled in.
    pub(crate) const EMPTY: Self = Self {
        time: &[],
        service: Find::Is(""),
        action: Find::Is(""),
        failure: |_| None,
        read_only: |_| None,
        classes: &[],
        target: &[],
        region: &[],
        source_ip: &[],
        user_agent: &[],
        event_id: &[],
        actor: |_| Actor::UNKNOWN,
    };
}

/// How a text is found.
pub(crate) enum Find {
    /// At a path.
    At(Paths),
    /// It is always this.
    Is(&'static str),
    /// By code.
    By(for<'e> fn(&'e Value) -> Option<Cow<'e, str>>),
}

impl Find {
    fn of<'e>(&self, event: &'e Value) -> Option<Cow<'e, str>> {
        match self {
            Self::At(paths) => text(event, paths).map(Cow::Borrowed),
            Self::Is(always) => Some(Cow::Borrowed(always)),
            Self::By(code) => code(event),
        }
    }

    fn path(&self, otherwise: &'static str) -> &'static str {
        match self {
            Self::At([first, ..]) => first,
            _ => otherwise,
        }
    }
}

/// Who acted, as a source's code tells it; the rest of a [`Principal`] follows from it.
#[derive(Debug, Clone)]
pub(crate) struct Actor<'e> {
    pub(crate) kind: PrincipalKind,
    /// The identity: provider, kind, and the native name that is unique within the provider.
    pub(crate) identity: Option<IdentityKey<'e>>,
    /// Whose it is, where it is a credential of somebody.
    pub(crate) owner: Option<IdentityKey<'e>>,
    /// For people to read.
    pub(crate) name: Cow<'e, str>,
    /// The provider had authenticated it.
    pub(crate) authenticated: bool,
    /// It is a person, or a session of one.
    pub(crate) person: bool,
    /// It belongs to the provider.
    pub(crate) provider_owned: bool,
    /// It belongs to another account than the one that reports.
    pub(crate) cross_account: bool,
    /// What else the session says.
    pub(crate) session: Session<'e>,
    /// Who stands behind it, nearest first.
    pub(crate) delegation: Vec<Cow<'e, str>>,
}

impl<'e> Actor<'e> {
    /// Nobody knows who.
    pub(crate) const UNKNOWN: Self = Self {
        kind: PrincipalKind::Unknown,
        identity: None,
        owner: None,
        name: Cow::Borrowed(""),
        authenticated: false,
        person: false,
        provider_owned: false,
        cross_account: false,
        session: Session::NONE,
        delegation: Vec::new(),
    };

    /// An authenticated actor that is an identity of its own.
    pub(crate) fn of(
        provider: &'static str,
        kind: (PrincipalKind, IdentityKind),
        native: impl Into<Cow<'e, str>>,
        account: Option<&'e str>,
    ) -> Self {
        let native = native.into();
        Self {
            kind: kind.0,
            name: native.clone(),
            identity: Some(IdentityKey { provider, kind: kind.1, name: native.clone(), native, account }),
            authenticated: true,
            ..Self::UNKNOWN
        }
    }

    /// The same, with the name that people call it.
    pub(crate) fn called(mut self, name: Option<&'e str>) -> Self {
        if let (Some(name), Some(identity)) = (name, &mut self.identity) {
            identity.name = Cow::Borrowed(name);
            self.name = Cow::Borrowed(name);
        }
        self
    }

    /// The credential with which it acted becomes the identity, and it the credential's owner.
    pub(crate) fn by_credential(
        mut self,
        kind: (PrincipalKind, IdentityKind),
        native: impl Into<Cow<'e, str>>,
    ) -> Self {
        let Some(owner) = self.identity.take() else { return self };
        let native = native.into();
        self.identity = Some(IdentityKey {
            provider: owner.provider,
            kind: kind.1,
            name: native.clone(),
            native,
            account: owner.account,
        });
        self.kind = kind.0;
        self.owner = Some(owner);
        // Whoever owns it: what acts by a credential is a machine until evidence comes.
        self.person = false;
        self
    }

    fn principal(self, failed: bool) -> Principal<'e> {
        let clean = self.authenticated && !failed && !self.cross_account;
        Principal {
            kind: self.kind,
            creates: self.identity.is_some() && self.authenticated && !failed,
            person_evidence: self.person && clean && self.identity.is_some(),
            person_role: None,
            facts: Facts {
                authenticated: self.authenticated,
                failed,
                cross_account: self.cross_account,
                interactive: self.person,
                provider_owned: self.provider_owned,
            },
            identity: self.identity,
            owner: self.owner,
            name: self.name,
            session: self.session,
            delegation: self.delegation,
        }
    }
}

impl Source {
    /// The activity of one of its events.
    pub(crate) fn activity<'e>(
        &'static self,
        event: &'e Value,
        raw: &'e str,
        fields: &FieldSet,
    ) -> Result<Activity<'e>, Reason> {
        let slots = fields.extract(event, self);
        match &self.how {
            How::Code(code) => code(event, raw, slots),
            How::RulesOnly => Ok(self.rules_only(event, raw, slots)),
            How::Table(table) => self.by(table, event, raw, slots),
        }
    }

    fn by<'e>(
        &self,
        table: &Mapping,
        event: &'e Value,
        raw: &'e str,
        fields: Slots<'e>,
    ) -> Result<Activity<'e>, Reason> {
        let field = table.time.first().copied().unwrap_or("time");
        let found = table.time.iter().find_map(|path| at(event, path).filter(|value| !value.is_null()));
        let found = found.ok_or(Reason::Missing { field })?;
        let wrong =
            Reason::Malformed { field, expected: "an RFC 3339 time, or seconds or milliseconds since 1970" };
        let time = time(found).ok_or(wrong)?;
        let named =
            |find: &Find, otherwise| find.of(event).ok_or(Reason::Missing { field: find.path(otherwise) });
        let service = named(&table.service, "service")?;
        let action = named(&table.action, "action")?;
        let failure = (table.failure)(event);
        let actor = (table.actor)(event).principal(failure.is_some());
        bounded(
            &actor,
            [
                (table.service.path("service"), service.len()),
                (table.action.path("action"), action.len()),
                ("actor", actor.name.len()),
            ],
        )?;
        Ok(Activity {
            time,
            class: class::of(table.classes, &service, &action),
            logsource: (self.logsource)(&|paths| text(event, paths)),
            service,
            action,
            actor,
            outcome: failure.map_or(Outcome::Success, |code| Outcome::Failure { code }),
            read_only: (table.read_only)(event),
            account: (self.account)(event),
            region: text(event, table.region),
            target: text(event, table.target),
            source_ip: text(event, table.source_ip),
            user_agent: text(event, table.user_agent),
            event_id: text(event, table.event_id),
            fields,
            raw,
        })
    }

    /// Nothing is known but the time, and that only where a usual name tells it; else it is that of 1970,
    /// which is judged by rules and never learned.
    fn rules_only<'e>(&self, event: &'e Value, raw: &'e str, fields: Slots<'e>) -> Activity<'e> {
        const TIMES: [&str; 8] = [
            "time",
            "timestamp",
            "@timestamp",
            "eventTime",
            "published",
            "created_at",
            "createdDate",
            "date",
        ];
        let time = TIMES.iter().find_map(|path| at(event, path).and_then(time));
        Activity {
            time: time.unwrap_or(Timestamp::from_micros(0)),
            class: Class::ApiActivity,
            logsource: (self.logsource)(&|paths| text(event, paths)),
            service: Cow::Borrowed(""),
            action: Cow::Borrowed(""),
            actor: Actor::UNKNOWN.principal(false),
            outcome: Outcome::Success,
            read_only: None,
            account: None,
            region: None,
            target: None,
            source_ip: None,
            user_agent: None,
            event_id: None,
            fields,
            raw,
        }
    }
}

/// Refuses names that are too long to be kept.
pub(crate) fn bounded<const N: usize>(
    actor: &Principal<'_>,
    named: [(&'static str, usize); N],
) -> Result<(), Reason> {
    let keys = [actor.identity.as_ref(), actor.owner.as_ref(), actor.person_role.as_ref()];
    let keys = keys.into_iter().flatten().map(|key| ("actor", key.native.len()));
    match named.into_iter().chain(keys).find(|(_, length)| *length > MAX_NAME) {
        Some((field, _)) => Err(Reason::Malformed { field, expected: "a name of at most 4,096 bytes" }),
        None => Ok(()),
    }
}

/// What stands at a dotted path. A name that begins with `@` is whole, whatever dots it has.
pub(crate) fn at<'e>(event: &'e Value, path: &str) -> Option<&'e Value> {
    if path.starts_with('@') {
        return event.get(path);
    }
    let mut value = event;
    for name in path.split('.') {
        while let Some(array) = value.as_array() {
            value = array.first()?;
        }
        value = value.get(name)?;
    }
    while let Some(array) = value.as_array() {
        value = array.first()?;
    }
    Some(value)
}

/// The first text at one of these paths that is not empty.
pub(crate) fn text<'e>(event: &'e Value, paths: &[&str]) -> Option<&'e str> {
    paths.iter().find_map(|path| at(event, path)?.as_str().filter(|text| !text.is_empty()))
}

/// Whether an object stands there.
pub(crate) fn has_object(event: &Value, name: &str) -> bool {
    event.get(name).is_some_and(|value| value.is_object())
}

fn time(value: &Value) -> Option<Timestamp> {
    if let Some(number) = value.as_i64() {
        // Seconds where milliseconds would be a day before 1973: no log of a cloud is so old.
        let unit = if number.unsigned_abs() < 100_000_000_000 { 1_000_000 } else { 1_000 };
        return number.checked_mul(unit).map(Timestamp::from_micros);
    }
    let text = value.as_str()?;
    text.parse().ok().or_else(|| format!("{text}Z").parse().ok())
}
