//! On ordinary days the probabilities are uniform: each signal's, and all together.

use super::world::{DAY, START, Shards, benign};
use base::Severity;
use detect::behaviour::Signal;

/// The greatest distance between the shares below each level and the levels.
fn distance(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let count = values.len() as f64;
    let far = values.iter().enumerate().map(|(at, value)| ((at as f64 + 0.5) / count - value).abs());
    far.fold(0.0, f64::max)
}

#[test]
fn on_the_benign_baseline_probabilities_are_uniform() {
    let mut shards = Shards::new(20_000);
    let mut by_signal: Vec<Vec<f64>> = vec![Vec::new(); Signal::ALL.len()];
    let mut all = Vec::new();
    let (mut told, mut medium) = (0, 0);
    for act in benign(11, 300, 28, 60.0) {
        let Ok(verdict) = shards.sees(&act) else { unreachable!("all are vouched for") };
        if act.time < START + 14 * DAY {
            continue;
        }
        all.push(verdict.p());
        for signal in Signal::ALL {
            by_signal[signal.place()].extend(verdict.signals[signal.place()]);
        }
        told += usize::from(verdict.severity.is_some());
        medium += usize::from(verdict.severity >= Some(Severity::Medium));
    }
    let count = all.len();
    assert!(count > 300_000);
    for signal in Signal::ALL {
        let (far, below) = (distance(&mut by_signal[signal.place()]), below(&by_signal[signal.place()]));
        let name = signal.as_str();
        assert!(far < 0.02, "{name}: {far} from uniform");
        assert!((0.08..0.12).contains(&below[0]), "{name}: a tenth is {}", below[0]);
        assert!((0.005..0.02).contains(&below[1]), "{name}: a hundredth is {}", below[1]);
    }
    let (far, below) = (distance(&mut all), below(&all));
    assert!(far < 0.06, "all together: {far} from uniform");
    assert!(below[0] < 0.13 && below[1] < 0.02 && below[2] < 0.004, "all together: {below:?}");
    assert!(told * 500 < count && medium * 100_000 <= count, "{told} and {medium} of {count} are told");
}

/// The shares below a tenth, a hundredth and a thousandth.
fn below(values: &[f64]) -> [f64; 3] {
    [0.1, 0.01, 0.001].map(|level| {
        let count = values.iter().filter(|p| **p < level).count();
        count as f64 / values.len() as f64
    })
}
