//! An activity: what one event says, normalized to OCSF 1.8.0 terms.

use crate::{Principal, Slots};
use base::Timestamp;
use std::{borrow::Cow, fmt};

/// One normalized event, borrowed from its [`Record`](crate::Record).
#[derive(Debug, Clone)]
pub struct Activity<'e> {
    /// When it happened, by the provider's clock.
    pub time: Timestamp,
    /// Which OCSF class it is.
    pub class: Class,
    /// Which log it came from, as Sigma rules route by it.
    pub logsource: Logsource,
    /// The service that was called, as the source names it, such as `iam.amazonaws.com`.
    pub service: Cow<'e, str>,
    /// What was called, as the source names it, such as `CreateAccessKey`.
    pub action: Cow<'e, str>,
    /// Who acted.
    pub actor: Principal<'e>,
    /// How it ended.
    pub outcome: Outcome<'e>,
    /// Whether the provider calls it a read; `None` where it does not say.
    pub read_only: Option<bool>,
    /// The account whose log reports it: which account the event speaks for.
    pub account: Option<&'e str>,
    /// The provider's region.
    pub region: Option<&'e str>,
    /// What it was done to, where the source names one thing: a user, a group, a bucket, a path.
    pub target: Option<&'e str>,
    /// Where the call came from: an address, or the name of a calling service. Set by the provider.
    pub source_ip: Option<&'e str>,
    /// What the caller says it is. Set by the caller.
    pub user_agent: Option<&'e str>,
    /// The provider's id of the event.
    pub event_id: Option<&'e str>,
    /// The values of the fields that the compiled pack reads, by their index in its
    /// [`FieldSet`](crate::FieldSet).
    pub fields: Slots<'e>,
    /// The redacted event as JSON text: for keyword search and as evidence.
    pub raw: &'e str,
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'e> {
    /// It was done.
    Success,
    /// It failed or was denied.
    Failure {
        /// The provider's error code, such as `AccessDenied`.
        code: &'e str,
    },
}

impl Outcome<'_> {
    /// Whether it failed.
    #[must_use]
    pub const fn failed(self) -> bool {
        matches!(self, Self::Failure { .. })
    }
}

/// The OCSF 1.8.0 class of an activity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// 3001 Account Change: a user, key or role was made, changed or removed.
    AccountChange,
    /// 3002 Authentication: a sign-in, or a session that was opened.
    Authentication,
    /// 3006 Group Management: a group or its members changed.
    GroupManagement,
    /// 6003 API Activity: every other call.
    ApiActivity,
    /// 6005 Datastore Activity: data of a store was read or written.
    DatastoreActivity,
}

impl Class {
    /// Every class that is emitted.
    pub const ALL: [Self; 5] = [
        Self::AccountChange,
        Self::Authentication,
        Self::GroupManagement,
        Self::ApiActivity,
        Self::DatastoreActivity,
    ];

    /// OCSF's `class_uid`.
    #[must_use]
    pub const fn uid(self) -> u32 {
        match self {
            Self::AccountChange => 3001,
            Self::Authentication => 3002,
            Self::GroupManagement => 3006,
            Self::ApiActivity => 6003,
            Self::DatastoreActivity => 6005,
        }
    }

    /// OCSF's `class_name`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountChange => "Account Change",
            Self::Authentication => "Authentication",
            Self::GroupManagement => "Group Management",
            Self::ApiActivity => "API Activity",
            Self::DatastoreActivity => "Datastore Activity",
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A Sigma log source. Empty where it does not apply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Logsource {
    /// Such as `aws`.
    pub product: &'static str,
    /// Such as `cloudtrail`.
    pub service: &'static str,
    /// Such as `application`; empty for most cloud logs.
    pub category: &'static str,
    /// Further names of the service, under which rules look for the same events.
    pub also: &'static [&'static str],
}

impl Logsource {
    /// A log source by product and service.
    #[must_use]
    pub const fn of(product: &'static str, service: &'static str) -> Self {
        Self { product, service, category: "", also: &[] }
    }
}
