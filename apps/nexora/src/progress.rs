//! Progress: on standard error, and only where that is a terminal.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

const BYTES: &str = "{prefix:>14} {bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
const COUNT: &str = "{prefix:>14} {bar:30} {human_pos}/{human_len} {per_sec} {eta}";
const STREAM: &str = "{prefix:>14} {spinner} {bytes} {bytes_per_sec}";

/// A bar over a known amount of bytes; hidden where standard error is no terminal.
pub(crate) fn bytes(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    styled(bar, what, BYTES)
}

/// A bar over a known number of things.
pub(crate) fn count(what: &str, total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    styled(bar, what, COUNT)
}

/// Bytes of an unknown total: how many there were, and how fast they come.
pub(crate) fn stream(what: &str) -> ProgressBar {
    ticking(what, STREAM)
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

#[cfg(test)]
mod tests {
    use super::{BYTES, COUNT, STREAM, styled};
    use indicatif::{ProgressBar, ProgressDrawTarget, TermLike};
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};
    use std::time::Duration;

    /// A terminal of 120 columns that remembers what was written.
    #[derive(Debug, Clone, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            120
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What stands there once half of it was done in ten seconds.
    fn shown(template: &str, total: Option<u64>) -> String {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let bar = styled(ProgressBar::with_draw_target(total, target), "protecting", template);
        let bar = bar.with_elapsed(Duration::from_secs(10));
        bar.set_position(5 << 20);
        bar.force_draw();
        bar.abandon();
        let shown = screen.0.lock().unwrap_or_else(PoisonError::into_inner);
        shown.clone()
    }

    #[test]
    fn long_work_shows_how_far_it_is_how_fast_and_for_how_long_yet() {
        let bytes = shown(BYTES, Some(10 << 20));
        for part in ["protecting", "━", "5.00 MiB/10.00 MiB", "/s"] {
            assert!(bytes.contains(part), "{part}: {bytes}");
        }
        let left = bytes.trim_end().rsplit(' ').next().unwrap_or_default();
        assert!(left.starts_with(|first: char| first.is_ascii_digit()) && left.ends_with('s'), "{bytes}");
        let count = shown(COUNT, Some(10 << 20));
        for part in ["protecting", "5,242,880/10,485,760", "/s"] {
            assert!(count.contains(part), "{part}: {count}");
        }
        let stream = shown(STREAM, None);
        assert!(stream.contains("5.00 MiB") && stream.contains("/s"), "{stream}");
    }
}
