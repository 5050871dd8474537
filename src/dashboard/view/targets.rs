//! The targets: what one may open, what enforces there, and who is on it now.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;

use crate::dashboard::model::{Dashboard, TargetView, is_production};
use crate::domain::recording::SessionSummary;
use crate::domain::target::EnforcementLayer;

use super::tables::{empty, field, split, table, told};
use super::theme;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let Some(chosen) = dashboard.chosen_target() else {
        let words = "No target that you may open.";
        return empty(frame, area, " Targets ", words);
    };
    let [table_area, told_area] = split(area);
    let heads = ["target", "env", "sessions", "a shell is", "logins"];
    let rows: Vec<_> = dashboard
        .snapshot
        .targets
        .iter()
        .map(|target| row(target, dashboard))
        .collect();
    table(
        frame,
        table_area,
        " Targets ",
        &heads,
        &rows,
        dashboard.target.row(),
    );
    let lines = told_target(chosen, dashboard, told_area.width.saturating_sub(4));
    told(frame, told_area, chosen.info.name.to_string(), lines);
}

fn row(target: &TargetView, dashboard: &Dashboard) -> Vec<(String, Style)> {
    let env = target.info.labels.get("env").cloned().unwrap_or_default();
    let style = if is_production(&target.info) {
        theme::bad()
    } else {
        theme::plain()
    };
    let running = on(target, dashboard).count();
    let sessions = match running {
        0 => (String::new(), theme::quiet()),
        some => (format!("● {some}"), theme::good()),
    };
    vec![
        (target.info.name.to_string(), theme::plain()),
        (env, style),
        sessions,
        shell(target.shell),
        (logins(target), theme::quiet()),
    ]
}

fn shell(word: &str) -> (String, Style) {
    match word {
        "allow" => ("open".to_owned(), theme::good()),
        "hold" => ("held".to_owned(), theme::warning()),
        _ => ("refused".to_owned(), theme::quiet()),
    }
}

fn logins(target: &TargetView) -> String {
    let logins: Vec<String> = target.info.logins.iter().map(ToString::to_string).collect();
    logins.join(" ")
}

/// The sessions that run there now, as far as the viewer may know.
fn on<'a>(
    target: &'a TargetView,
    dashboard: &'a Dashboard,
) -> impl Iterator<Item = &'a SessionSummary> {
    let here = |s: &&SessionSummary| s.ended.is_none() && s.target.name == target.info.name;
    dashboard.heard.sessions.iter().filter(here)
}

fn told_target(target: &TargetView, dashboard: &Dashboard, width: u16) -> Vec<Line<'static>> {
    let labels = target.info.labels.iter();
    let labels: Vec<String> = labels
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let layers = target.info.layers.iter().map(|layer| match layer {
        EnforcementLayer::Wire => "wire",
        EnforcementLayer::Line => "line",
        EnforcementLayer::Sudo => "sudo gate",
    });
    let layers: Vec<&str> = layers.collect();
    let people: Vec<String> = on(target, dashboard)
        .map(|s| format!("{} as {}", s.person, s.destination.login))
        .collect();
    let waits = dashboard
        .heard
        .holds
        .iter()
        .filter(|view| view.hold.request().target.name == target.info.name)
        .count();
    let mut lines = Vec::new();
    let plain = |words: String| [(words, theme::plain())];
    field(&mut lines, "labels", &plain(labels.join(" ")), width);
    field(&mut lines, "enforces", &plain(layers.join(", ")), width);
    field(&mut lines, "logins", &plain(logins(target)), width);
    let people = match people.is_empty() {
        true => "nobody that you may know of".to_owned(),
        false => people.join(", "),
    };
    field(&mut lines, "on it now", &plain(people), width);
    let waits = match waits {
        0 => "nothing".to_owned(),
        1 => "1 request".to_owned(),
        more => format!("{more} requests"),
    };
    field(&mut lines, "waiting", &plain(waits), width);
    lines
}
