//! How figures are printed, and what of a list of measurements is.

use std::time::Duration;

/// The limit that a ratio is held against.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    /// It is only shown.
    Nothing,
}

impl Goal {
    fn shown(self, ratio: f64) -> String {
        let (sign, limit, met) = match self {
            Self::AtMost(limit) => ("≤", limit, ratio <= limit),
            Self::AtLeast(limit) => ("≥", limit, ratio >= limit),
            Self::Nothing => return String::new(),
        };
        let verdict = if met { "met" } else { "MISSED" };
        format!("goal {sign} {limit:.2} {verdict}")
    }
}

/// The heading of a table.
pub(crate) fn heading(what: &str, compared_with: &str) {
    println!(
        "\n{what:<44} {:>13} {:>9}",
        "",
        format!("of {compared_with}")
    );
}

/// A line: what, its figure in a unit, and its ratio to `base`.
pub(crate) fn line(what: &str, figure: f64, unit: &str, base: f64, goal: Goal) {
    let ratio = figure / base;
    let goal = goal.shown(ratio);
    println!("{what:<44} {figure:>8.2} {unit:<4} {ratio:>9.2}  {goal}");
}

/// The value below which so great a part of the values lies.
pub(crate) fn quantile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len() - 1;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place in a short list"
    )]
    let at = (part * last as f64).round() as usize;
    sorted[at]
}

pub(crate) fn median(values: &[f64]) -> f64 {
    (quantile(values, 0.5 - 1e-9) + quantile(values, 0.5 + 1e-9)) / 2.0
}

pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
