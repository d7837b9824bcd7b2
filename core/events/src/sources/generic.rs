//! JSON that no normalizer is written for: rules read its fields, and nothing else is known of it. No event
//! is recognised as one of these; `--format` names them.

use crate::source::{How, Lookup, Secrets, Source};
use crate::{Logsource, secrets};

/// A format of which only the log source is known.
const fn of(
    name: &'static str,
    nicknames: &'static [&'static str],
    logsource: for<'f> fn(Lookup<'f>) -> Logsource,
) -> Source {
    Source {
        name,
        nicknames,
        logsource,
        further: &[],
        recognises: |_| false,
        how: How::RulesOnly,
        account: |_| None,
        secrets: Secrets { named: secrets::is_secret, ..Secrets::COMMON },
        aliases: &[],
        tops: &[],
        closed: &[],
    }
}

/// Any JSON at all: only rules that name no product, service or category that it lacks read it.
pub(crate) static JSON: Source = of("json", &[], |_| Logsource::of("", ""));
pub(crate) static BITBUCKET: Source =
    of("bitbucket.audit", &["bitbucket"], |_| Logsource::of("bitbucket", "audit"));
pub(crate) static DUO: Source = of("cisco.duo", &["duo"], |_| Logsource::of("cisco", "duo"));
pub(crate) static ONELOGIN: Source =
    of("onelogin.events", &["onelogin"], |_| Logsource::of("onelogin", "onelogin.events"));
