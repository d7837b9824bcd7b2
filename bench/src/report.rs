//! What a benchmark says: a table for people, a last line for machines.

use crate::machine;
use comfy_table::{Table, presets};
use serde::Serialize;

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
    pub(crate) more: Vec<(&'static str, String)>,
}

/// The last line, in the order that is documented.
#[derive(Serialize)]
struct Line<'r> {
    bench: &'r str,
    unit: &'r str,
    ours: f64,
    other: Option<f64>,
    other_name: Option<&'r str>,
    ratio: Option<f64>,
    mode: &'r str,
}

impl Report {
    /// The table, and behind it the line.
    pub(crate) fn text(&self) -> Result<String, serde_json::Error> {
        let mut table = Table::new();
        table.load_preset(presets::NOTHING);
        let figure = |value: f64| format!("{} {}", short(value), self.unit);
        table.add_row([self.bench, &figure(self.ours)]);
        if let Some((name, value)) = self.other {
            table.add_row([name, &figure(value)]);
            table.add_row(["ratio", &short(self.ours / value)]);
        }
        for (name, value) in &self.more {
            table.add_row([name, value.as_str()]);
        }
        let profile = if cfg!(debug_assertions) { "debug" } else { "release" };
        let mode = format!("{profile}; {}", self.mode);
        table.add_row(["mode", &mode]);
        table.add_row(["machine", &machine::describe()]);
        let line = serde_json::to_string(&Line {
            bench: self.bench,
            unit: self.unit,
            ours: rounded(self.ours),
            other: self.other.map(|(_, value)| rounded(value)),
            other_name: self.other.map(|(name, _)| name),
            ratio: self.other.map(|(_, value)| rounded(self.ours / value)),
            mode: &mode,
        })?;
        Ok(format!("{}\n{line}", table.trim_fmt()))
    }
}

/// More digits than these no run repeats.
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

/// So many in so many seconds.
#[expect(clippy::cast_precision_loss, reason = "a count of what was measured")]
pub(crate) fn per_second(count: usize, seconds: f64) -> f64 {
    count as f64 / seconds
}

/// The smallest value that at least this share of the sorted values does not exceed.
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

    fn last(report: &Report) -> Value {
        let text = report.text().expect("figures are numbers");
        serde_json::from_str(text.lines().last().expect("a line")).expect("JSON")
    }

    #[test]
    fn the_last_line_is_the_promised_object() {
        let report = Report {
            bench: "x",
            unit: "ms",
            ours: 2.0,
            other: Some(("floor", 0.5)),
            mode: "idle".to_owned(),
            more: vec![("p50", "1 ms".to_owned())],
        };
        let line = last(&report);
        let mut names: Vec<&str> = line.as_object().expect("an object").keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(names, ["bench", "mode", "other", "other_name", "ours", "ratio", "unit"]);
        assert_eq!((line["ours"].as_f64(), line["ratio"].as_f64()), (Some(2.0), Some(4.0)));
        let alone = last(&Report { other: None, ..report });
        assert!(alone["ratio"].is_null() && alone["other"].is_null() && alone["other_name"].is_null());
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
