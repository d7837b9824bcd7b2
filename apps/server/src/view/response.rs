//! How far the response goes, on the wire.

use api::response::{Mode, Response, SetRequest};
use base::Timestamp;
use respond::{Change, Settings};
use std::num::NonZeroU32;

/// The settings as they hold now.
pub(crate) fn response(settings: &Settings, now: Timestamp) -> Response {
    let mode = match settings.effective(now) {
        respond::Mode::Observe => Mode::Observe,
        respond::Mode::Ask => Mode::Ask,
        respond::Mode::Automatic => Mode::Automatic,
    };
    Response {
        mode,
        observes_until: settings.observes_until.filter(|until| *until > now),
        brake_limit: settings.brake_limit.map(NonZeroU32::get),
    }
}

/// What to change.
pub(crate) fn change(request: &SetRequest) -> Change {
    let mode = request.mode.map(|mode| match mode {
        Mode::Observe => respond::Mode::Observe,
        Mode::Ask => respond::Mode::Ask,
        Mode::Automatic => respond::Mode::Automatic,
    });
    Change { mode, brake_limit: request.brake_limit.map(NonZeroU32::new) }
}
