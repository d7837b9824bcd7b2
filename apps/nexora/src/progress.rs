//! Progress: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

/// A bar over a known amount of bytes; hidden where standard error is no terminal.
pub(crate) fn bytes(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    styled(bar, what, "{prefix:>14} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}")
}

/// A bar over a known number of things.
pub(crate) fn count(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    styled(bar, what, "{prefix:>14} {bar:30} {human_pos}/{human_len} {per_sec} {eta}")
}

/// Bytes of an unknown total: how many there were, and how fast they come.
pub(crate) fn stream(what: &str) -> ProgressBar {
    ticking(what, "{prefix:>14} {spinner} {bytes} {bytes_per_sec}")
}

/// A sign that something is going on, of unknown length.
pub(crate) fn spinner(what: &str) -> ProgressBar {
    ticking(what, "{prefix:>14} {spinner} {human_pos}")
}

fn ticking(what: &str, template: &str) -> ProgressBar {
    let bar = styled(ProgressBar::with_draw_target(None, target()), what, template);
    if !bar.is_hidden() {
        bar.enable_steady_tick(Duration::from_millis(100));
    }
    bar
}

fn target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() }
}

fn styled(bar: ProgressBar, what: &str, template: &str) -> ProgressBar {
    // A template of ours that does not parse is left out; the default bar does as well.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸─"));
    }
    bar.with_prefix(what.to_owned())
}
