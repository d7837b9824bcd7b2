//! What a benchmark says: a table for people, a last line for machines.

use comfy_table::{Table, presets};
use serde_json::json;
use std::time::Instant;

/// One benchmark's figures.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) bench: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) ours: f64,
    /// The peer or the floor, and its figure in the same unit.
    pub(crate) other: Option<(&'static str, f64)>,
    /// What the figures hold for.
    pub(crate) mode: String,
    /// Further figures, for the table.
    pub(crate) more: Vec<(String, String)>,
}

impl Report {
    /// The table, and behind it the line.
    pub(crate) fn text(&self) -> String {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        let figure = |value: f64| format!("{} {}", short(value), self.unit);
        table.add_row([self.bench.to_owned(), figure(self.ours)]);
        if let Some((name, value)) = self.other {
            table.add_row([name.to_owned(), figure(value)]);
            table.add_row(["ratio".to_owned(), short(self.ours / value)]);
        }
        for (name, value) in &self.more {
            table.add_row([name, value]);
        }
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let mode = format!("{profile}; {}", self.mode);
        table.add_row(["mode", &mode]);
        let line = json!({
            "bench": self.bench,
            "unit": self.unit,
            "ours": rounded(self.ours),
            "other": self.other.map(|(_, value)| rounded(value)),
            "other_name": self.other.map(|(name, _)| name),
            "ratio": self.other.map(|(_, value)| rounded(self.ours / value)),
            "mode": mode,
        });
        format!("{}\n{line}", table.trim_fmt())
    }
}

/// Four significant digits are more than a run repeats.
fn rounded(value: f64) -> f64 {
    short(value).parse().unwrap_or(value)
}

fn short(value: f64) -> String {
    match value.abs() {
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

/// The machine's steady clock.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures with the machine's own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The value below which a share of the sorted values lies.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "an index into a few hundred values"
)]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1).min(sorted.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::{Report, quantile};
    use serde_json::Value;

    #[test]
    fn the_last_line_is_the_promised_object() {
        let report = Report {
            bench: "x",
            unit: "ms",
            ours: 2.0,
            other: Some(("floor", 0.5)),
            mode: "idle".to_owned(),
            more: vec![("p50".to_owned(), "1 ms".to_owned())],
        };
        let text = report.text();
        let line: Value = serde_json::from_str(text.lines().last().expect("a line")).expect("JSON");
        let names: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        assert_eq!(names, ["bench", "mode", "other", "other_name", "ours", "ratio", "unit"]);
        assert_eq!((line["ours"].as_f64(), line["ratio"].as_f64()), (Some(2.0), Some(4.0)));
        let alone = Report { other: None, ..report }.text();
        let line: Value = serde_json::from_str(alone.lines().last().expect("a line")).expect("JSON");
        assert!(line["ratio"].is_null() && line["other"].is_null());
    }

    #[test]
    fn a_quantile_is_a_value_that_was_seen() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(
            (quantile(&values, 0.99), quantile(&values, 0.5), quantile(&values, 1.0)),
            (198.0, 100.0, 200.0)
        );
    }
}
