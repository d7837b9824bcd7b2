//! The OCSF class of a call: a table from service and action, one for each source.

use crate::Class;

/// How an action is compared.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Actions {
    /// All of the service.
    Every,
    /// These names.
    Named(&'static [&'static str]),
    /// These beginnings.
    Begins(&'static [&'static str]),
    /// These parts, anywhere.
    Contains(&'static [&'static str]),
}

/// A service (empty: every service), what of it, and which class that is.
pub(crate) type Line = (&'static str, Actions, Class);

/// The class of a call: of the first line that fits; what fits none is API Activity.
pub(crate) fn of(table: &[Line], service: &str, action: &str) -> Class {
    let fits = |actions: &Actions| match actions {
        Actions::Every => true,
        Actions::Named(names) => names.contains(&action),
        Actions::Begins(beginnings) => beginnings.iter().any(|beginning| action.starts_with(beginning)),
        Actions::Contains(parts) => parts.iter().any(|part| action.contains(part)),
    };
    let line = table.iter().find(|(of, actions, _)| (of.is_empty() || *of == service) && fits(actions));
    line.map_or(Class::ApiActivity, |(_, _, class)| *class)
}
