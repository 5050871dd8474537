//! The sessions and what was decided: a table each, with the chosen row told in full below it.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Padding, Paragraph};

use crate::dashboard::model::{Dashboard, HistoryEntry, is_production, text};
use crate::domain::hold::{Approval, Resolution};
use crate::domain::recording::SessionSummary;

use super::{clock, column, flow, moment, short_moment, theme};

/// Lines of the panel that tells the chosen row in full, with its frame.
const TOLD_ROWS: u16 = 8;
/// Columns between columns.
const GAP: usize = 2;
/// Columns of how a session ended, in the table.
const STATE: usize = 14;
/// Columns of the labels in that panel.
const LABEL: usize = 9;

pub(super) fn sessions(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let Some(chosen) = dashboard.chosen_session() else {
        let words = "No session that you may see. Whoever opens a target appears here.";
        return empty(frame, area, " Sessions ", words);
    };
    let [table_area, told_area] = split(area);
    let heads = ["state", "who", "where", "started", "asked for"];
    let rows = dashboard.snapshot.sessions.iter().map(|session| {
        let (state, style) = state(session, dashboard);
        let quiet = if session.ended.is_some() {
            theme::quiet()
        } else {
            theme::plain()
        };
        vec![
            (state, style),
            (session.person.clone(), quiet),
            place(session, quiet),
            (
                short_moment(session.started, dashboard.now()),
                theme::quiet(),
            ),
            (session.asked.clone(), quiet),
        ]
    });
    let row = dashboard.session.row();
    table(
        frame,
        table_area,
        " Sessions ",
        &heads,
        &rows.collect::<Vec<_>>(),
        row,
    );
    let lines = told_session(chosen, dashboard, told_area.width.saturating_sub(4));
    told(frame, told_area, chosen.id.to_string(), lines);
}

fn place(session: &SessionSummary, otherwise: Style) -> (String, Style) {
    if is_production(&session.target) {
        (format!("{} prod", session.destination), theme::bad())
    } else {
        (session.destination.to_string(), otherwise)
    }
}

fn state(session: &SessionSummary, dashboard: &Dashboard) -> (String, Style) {
    match &session.ended {
        None => {
            let length = dashboard.now().duration_since(session.started);
            (format!("● {}", clock(length)), theme::good())
        }
        Some(end) => {
            let how = end.how.split(" by ").next().unwrap_or(&end.how);
            (flow::short(how, STATE), theme::quiet())
        }
    }
}

fn told_session(session: &SessionSummary, dashboard: &Dashboard, width: u16) -> Vec<Line<'static>> {
    let now = dashboard.now();
    let mut place = vec![(session.destination.to_string(), theme::strong())];
    if is_production(&session.target) {
        place.push(("  production".to_owned(), theme::elevation()));
    }
    let time = match &session.ended {
        None => format!("since {}", moment(session.started, now)),
        Some(end) => format!(
            "{} to {}, {}",
            moment(session.started, now),
            moment(end.at, now),
            end.how
        ),
    };
    let who = format!("  from {}", session.source);
    let mut lines = Vec::new();
    let person = (session.person.clone(), theme::strong());
    field(&mut lines, "who", &[person, (who, theme::plain())], width);
    field(&mut lines, "where", &place, width);
    field(&mut lines, "when", &[(time, theme::plain())], width);
    let asked = [(session.asked.clone(), theme::plain())];
    field(&mut lines, "asked for", &asked, width);
    lines
}

pub(super) fn history(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let Some(chosen) = dashboard.chosen_entry() else {
        let words = "Nothing was decided yet. Every answer will be told here.";
        return empty(frame, area, " History ", words);
    };
    let [table_area, told_area] = split(area);
    let heads = ["when", "outcome", "who asked", "where", "command"];
    let rows = dashboard.snapshot.history.iter().map(|entry| {
        let (mark, style) = outcome(&entry.resolution);
        vec![
            (short_moment(entry.at, dashboard.now()), theme::quiet()),
            (format!("{mark} {}", entry.resolution.word()), style),
            (text(&entry.requester), theme::plain()),
            (entry.destination.to_string(), theme::plain()),
            (entry.command.clone(), theme::quiet()),
        ]
    });
    let row = dashboard.entry.row();
    table(
        frame,
        table_area,
        " History ",
        &heads,
        &rows.collect::<Vec<_>>(),
        row,
    );
    let lines = told_entry(chosen, told_area.width.saturating_sub(4));
    told(frame, told_area, chosen.hold.to_string(), lines);
}

pub(super) fn outcome(resolution: &Resolution) -> (&'static str, Style) {
    match resolution {
        Resolution::Approved { .. } => ("✓", theme::good()),
        Resolution::Refused { .. } => ("✗", theme::bad()),
        Resolution::Expired => ("◷", theme::warning()),
        Resolution::Withdrawn { .. } => ("↩", theme::quiet()),
    }
}

fn told_entry(entry: &HistoryEntry, width: u16) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    let command = [(entry.command.clone(), theme::strong())];
    field(&mut lines, "command", &command, width);
    let place = format!("{} on {}", entry.action, entry.destination);
    field(&mut lines, "where", &[(place, theme::plain())], width);
    let asked = [(text(&entry.requester), theme::plain())];
    field(&mut lines, "asked by", &asked, width);
    match &entry.resolution {
        Resolution::Approved { by } => {
            for given in by {
                answer(&mut lines, "approved", given, width);
            }
        }
        Resolution::Refused { by } => answer(&mut lines, "refused", by, width),
        Resolution::Expired => {
            let words = "nobody answered in time";
            field(
                &mut lines,
                "expired",
                &[(words.to_owned(), theme::plain())],
                width,
            );
        }
        Resolution::Withdrawn { why } => {
            field(
                &mut lines,
                "withdrawn",
                &[(why.clone(), theme::plain())],
                width,
            );
        }
    }
    lines
}

fn answer(lines: &mut Vec<Line<'static>>, label: &str, given: &Approval, width: u16) {
    let mut words = vec![(text(&given.approver.name), theme::strong())];
    if !given.reason.is_empty() {
        words.push((format!("  “{}”", given.reason), theme::plain()));
    }
    field(lines, label, &words, width);
}

pub(super) fn field(
    lines: &mut Vec<Line<'static>>,
    label: &str,
    pieces: &[(String, Style)],
    width: u16,
) {
    let label_width = LABEL + 1;
    let room = width.saturating_sub(u16::try_from(label_width).unwrap_or(0));
    for (row, line) in flow::lines(pieces, room).into_iter().enumerate() {
        let lead = if row == 0 { label } else { "" };
        let lead = Span::styled(format!("{lead:label_width$}"), theme::quiet());
        lines.push(Line::from_iter(std::iter::once(lead).chain(line.spans)));
    }
}

pub(super) fn split(area: Rect) -> [Rect; 2] {
    Layout::vertical([Constraint::Fill(1), Constraint::Length(TOLD_ROWS)]).areas(area)
}

pub(super) type Row = Vec<(String, Style)>;

/// The widths of the columns: as wide as what is in them, within reason; the last has the rest.
fn widths(heads: &[&str], rows: &[Row], all: usize) -> Vec<usize> {
    let most = all / 4;
    let mut widths: Vec<usize> = heads.iter().map(|head| flow::width(head)).collect();
    for row in rows {
        for (width, (words, _)) in widths.iter_mut().zip(row) {
            *width = flow::width(words).max(*width).min(most);
        }
    }
    let last = widths.pop().unwrap_or(0);
    let taken: usize = widths.iter().map(|width| width + GAP).sum();
    widths.push(all.saturating_sub(taken + GAP).max(last.min(1)));
    widths
}

pub(super) fn table(
    frame: &mut Frame<'_>,
    area: Rect,
    title: &'static str,
    heads: &[&str],
    rows: &[Row],
    chosen: usize,
) {
    let panel = theme::panel(Line::styled(title, theme::strong()), theme::border());
    let block = panel.padding(Padding::ZERO);
    let inner = block.inner(area);
    let widths = widths(heads, rows, usize::from(inner.width));
    let heads = heads.iter().map(|head| (*head, theme::quiet()));
    let mut lines = vec![row_line(heads, &widths, false)];
    let visible = usize::from(inner.height.saturating_sub(1)).max(1);
    let first = (chosen + 1).saturating_sub(visible);
    let below = rows.len().saturating_sub(first + visible);
    for (at, row) in rows.iter().enumerate().skip(first).take(visible) {
        let extra = if at == chosen {
            theme::strong()
        } else {
            theme::plain()
        };
        let cells = row
            .iter()
            .map(|(words, style)| (words.as_str(), style.patch(extra)));
        lines.push(row_line(cells, &widths, at == chosen));
    }
    let hint = match below {
        0 => Line::default(),
        more => Line::styled(format!(" ↓ {more} more "), theme::quiet()),
    };
    let block = block.title_bottom(hint.right_aligned());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn row_line<'a>(
    cells: impl Iterator<Item = (&'a str, Style)>,
    widths: &[usize],
    chosen: bool,
) -> Line<'static> {
    let lead = match chosen {
        true => Span::styled(format!("{} ", theme::BAR), theme::accent()),
        false => Span::raw("  "),
    };
    let mut spans = vec![lead];
    for ((words, style), width) in cells.zip(widths) {
        spans.push(column(words, *width, style));
        spans.push(Span::raw("  "));
    }
    Line::from(spans)
}

pub(super) fn told(frame: &mut Frame<'_>, area: Rect, title: String, lines: Vec<Line<'static>>) {
    let title = Line::styled(format!(" {title} "), theme::accent());
    let block = theme::panel(title, theme::border());
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

pub(super) fn empty(frame: &mut Frame<'_>, area: Rect, title: &'static str, words: &'static str) {
    let block = theme::panel(Line::styled(title, theme::strong()), theme::border());
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let [_, middle, _] = Layout::vertical([
        Constraint::Fill(2),
        Constraint::Length(1),
        Constraint::Fill(3),
    ])
    .areas(inner);
    frame.render_widget(Line::styled(words, theme::quiet()).centered(), middle);
}
