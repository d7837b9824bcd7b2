//! What a breach or a shredding is about: the whole organization, or one of its datasets.

use crate::{Error, Keys, Unit};
use base::{Action, Actor, Context, Id, noun};
use ledger::{Entry, Object};
use policy::Resource;
use std::fmt;

/// The whole organization, or one dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Every key of the organization, but those of its log.
    Organization,
    /// The keys of one dataset and of its fields.
    Dataset(Id<noun::Dataset>),
}

impl Scope {
    /// What a permit for it is about.
    #[must_use]
    pub const fn resource(self) -> Resource {
        match self {
            Self::Organization => Resource::Organization,
            Self::Dataset(dataset) => Resource::Dataset(dataset),
        }
    }

    /// What the root forgets with it.
    #[must_use]
    pub const fn unit(self, organization: Id<noun::Organization>) -> Unit {
        match self {
            Self::Organization => Unit::Organization(organization),
            Self::Dataset(dataset) => Unit::Dataset(organization, dataset),
        }
    }

    /// Whether this scope holds `other`.
    #[must_use]
    pub fn covers(self, other: Self) -> bool {
        self == Self::Organization || self == other
    }

    /// The dataset, if it is one.
    #[must_use]
    pub const fn dataset(self) -> Option<Id<noun::Dataset>> {
        match self {
            Self::Organization => None,
            Self::Dataset(dataset) => Some(dataset),
        }
    }

    pub(crate) fn of(dataset: Option<&[u8]>) -> Result<Self, Error> {
        Ok(match dataset {
            None => Self::Organization,
            Some(bytes) => Self::Dataset(Id::from_slice(bytes).ok_or(Error::Damaged { what: "dataset id" })?),
        })
    }

    pub(crate) fn object(self, organization: Id<noun::Organization>) -> Object {
        self.resource().object(organization)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization => f.write_str("the organization"),
            Self::Dataset(dataset) => fmt::Display::fmt(dataset, f),
        }
    }
}

impl Keys {
    /// As [`person`], and puts on record that anything else is refused.
    pub(crate) async fn person(
        &self,
        ctx: &Context,
        action: Action,
        object: impl Into<Object>,
    ) -> Result<Id<noun::Person>, Error> {
        match person(ctx) {
            Ok(person) => Ok(person),
            Err(error) => Err(self.refused(ctx, Entry::refused(action, object, "not_a_person"), error).await),
        }
    }

    /// Puts a refusal on record before it is told; one that cannot be put there is told as that. Takes the turn to
    /// write: not to be called inside a change.
    pub(crate) async fn refused(&self, ctx: &Context, entry: Entry, error: impl Into<Error>) -> Error {
        match self.store.record(ctx, &entry).await {
            Ok(_) => error.into(),
            Err(unwritten) => unwritten.into(),
        }
    }
}

/// The person who acts. What needs two persons is refused to everything that is none, whatever its permit says.
fn person(ctx: &Context) -> Result<Id<noun::Person>, Error> {
    match ctx.actor() {
        Actor::Person { person, .. } => Ok(*person),
        _ => Err(Error::NotAPerson),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::disallowed_methods, reason = "a test is its own composition root")]

    use crate::{Error, Keys, SealedFile};
    use base::{Action, Actor, Clock, Context, Id, Secret, Timestamp, noun};
    use std::sync::Arc;
    use store::{Options, Queries, Schema, Store};

    static SCHEMAS: &[&Schema] = &[&crate::SCHEMA];

    struct Stopped;

    impl Clock for Stopped {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(1_700_000_000_000)
        }
    }

    // The rules let nobody else come this far, so this is asked here and not through an act.
    #[tokio::test]
    async fn what_is_no_person_is_refused_on_record() {
        let dir = tempfile::tempdir().expect("a directory");
        let (provider, random) = (crypto::aws_lc(), crypto::aws_lc());
        let options = Options {
            dir: dir.path().to_owned(),
            clock: Arc::new(Stopped),
            random: Arc::new(move |bytes| random.fill(bytes)),
        };
        let store = Store::open(options, SCHEMAS).await.expect("it opens");
        let passphrase = Secret::new("correct horse".to_owned());
        let root = SealedFile::create(&dir.path().join("root.sealed"), &passphrase, provider.clone());
        let root = Arc::new(root.expect("it is made"));
        let keys = Keys::new(store.clone(), root, provider, Arc::new(Stopped));
        let identity =
            Actor::Identity { identity: Id::from_bytes([1; 16]), credential: Id::from_bytes([2; 16]) };
        let ctx = Context::authenticated(store.platform(), identity, Id::from_bytes([3; 16]));
        keys.begin(&ctx).await.expect("it begins");
        let key = Id::<noun::Key>::from_bytes([4; 16]);
        let refused = keys.person(&ctx, Action::KeysExport, key).await;
        assert!(matches!(refused, Err(Error::NotAPerson)));
        let read = store.read(&ctx).await.expect("a snapshot");
        let entries = read.entries(0, 100).await.expect("entries");
        let last: serde_json::Value = serde_json::from_slice(&entries.last().expect("one").1).expect("JSON");
        assert_eq!((&last["kind"], &last["action"]), (&"access.refused".into(), &"keys.export".into()));
        assert_eq!(
            (&last["object"]["id"], &last["reason"]),
            (&key.to_string().into(), &"not_a_person".into())
        );
    }
}
