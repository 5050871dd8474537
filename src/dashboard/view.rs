//! The drawing of the dashboard. It reads the state and changes nothing.
//!
//! From top to bottom: the header (product, person, what waits, clock), the tabs, the view, and the keys that
//! do something now. Everything from outside passes `flow`, which makes it visible.

mod detail;
mod flow;
mod overlay;
mod tables;
mod targets;
mod theme;
mod waiting;

use jiff::{SignedDuration, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::dashboard::keymap::{self, Binding, Order, Told};
use crate::dashboard::model::{Dashboard, Filter, Overlay, Standing, View, text};
use crate::domain::answer::Answer;

/// Narrowest window that can be drawn.
pub const MINIMUM_COLUMNS: u16 = 60;
/// Lowest window that can be drawn.
pub const MINIMUM_ROWS: u16 = 16;

/// Draws the dashboard.
pub fn draw(frame: &mut Frame<'_>, dashboard: &Dashboard) {
    let area = frame.area();
    if area.width < MINIMUM_COLUMNS || area.height < MINIMUM_ROWS {
        return too_small(frame, area);
    }
    let [header_row, tab_row, body, footer_row] = parts(area);
    header(frame, header_row, dashboard);
    frame.render_widget(tabs(dashboard), tab_row);
    filter(frame, tab_row, dashboard);
    match dashboard.view {
        View::Waiting => waiting::draw(frame, body, dashboard),
        View::Sessions => tables::sessions(frame, body, dashboard),
        View::History => tables::history(frame, body, dashboard),
        View::Targets => targets::draw(frame, body, dashboard),
    }
    if let Some(toast) = &dashboard.toast {
        overlay::toast(frame, body, toast);
    }
    match &dashboard.overlay {
        Overlay::None => {}
        Overlay::Help => overlay::help(frame, area, dashboard),
        Overlay::Dialogue(dialogue) => overlay::dialogue(frame, area, dashboard, dialogue),
        Overlay::Ending(dialogue) => overlay::end_dialogue(frame, area, dialogue),
        Overlay::Notice(notice) => overlay::notice(frame, area, notice),
    }
    frame.render_widget(Clear, footer_row);
    frame.render_widget(footer(dashboard, footer_row.width), footer_row);
}

/// How many lines the chosen request can be scrolled at most.
pub fn scroll_limit(dashboard: &Dashboard) -> u16 {
    waiting::scroll_limit(dashboard, body(dashboard))
}

/// How many lines a page of the chosen request has: one less than are seen, so that one is seen twice.
pub fn page(dashboard: &Dashboard) -> u16 {
    waiting::page(dashboard, body(dashboard))
}

fn body(dashboard: &Dashboard) -> Rect {
    let [_, _, body, _] = parts(Rect::new(0, 0, dashboard.columns, dashboard.rows));
    body
}

fn parts(area: Rect) -> [Rect; 4] {
    Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Fill(1),
        Constraint::Length(1),
    ])
    .areas(area)
}

fn too_small(frame: &mut Frame<'_>, area: Rect) {
    let words = format!(
        "countersign needs a window of {MINIMUM_COLUMNS}×{MINIMUM_ROWS}; this one is {}×{}",
        area.width, area.height
    );
    let lines = flow::lines(&[(words, theme::plain())], area.width);
    frame.render_widget(Paragraph::new(lines), area);
}

fn header(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let clock = dashboard.now().strftime("%H:%M:%S UTC").to_string();
    let mut right = waiting_count(dashboard);
    right.push(Span::styled(format!("   {clock} "), theme::quiet()));
    let right = Line::from(right).right_aligned();
    let taken = right.width();
    let room = usize::from(area.width).saturating_sub(taken + 16);
    let me = &dashboard.snapshot.me;
    let name = flow::short(&text(&me.name), room);
    let left = Line::from_iter([
        theme::badge("countersign", theme::accent()),
        Span::styled(format!("  {name}"), theme::strong()),
    ]);
    frame.render_widget(left, area);
    frame.render_widget(right, area);
}

fn waiting_count(dashboard: &Dashboard) -> Vec<Span<'static>> {
    let all = dashboard.heard.holds.len();
    let mine = dashboard.answerable().count();
    if all == 0 {
        return vec![Span::styled("✓ nothing waits", theme::good())];
    }
    let style = if mine > 0 {
        theme::escapes()
    } else {
        theme::plain()
    };
    vec![
        Span::styled(format!("{all} waiting"), style),
        Span::styled(format!(", {mine} for you"), theme::quiet()),
    ]
}

fn tabs(dashboard: &Dashboard) -> Line<'static> {
    let snapshot = &dashboard.snapshot;
    let running = snapshot.sessions.iter().filter(|s| s.ended.is_none());
    let mut spans = vec![Span::raw(" ")];
    for (number, view) in (1..).zip(View::ALL) {
        let (name, count) = match view {
            View::Waiting => ("Waiting", snapshot.holds.len()),
            View::Sessions => ("Sessions", running.clone().count()),
            View::History => ("History", snapshot.history.len()),
            View::Targets => ("Targets", snapshot.targets.len()),
        };
        let (number_style, name_style) = if view == dashboard.view {
            let chosen = theme::accent().add_modifier(Modifier::UNDERLINED);
            (theme::accent(), chosen)
        } else {
            (theme::quiet(), theme::quiet())
        };
        spans.push(Span::styled(format!("{number} "), number_style));
        spans.push(Span::styled(name, name_style));
        spans.push(Span::styled(format!(" {count}   "), theme::quiet()));
    }
    Line::from(spans)
}

/// What the lists are narrowed to, at the right of the tabs.
fn filter(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let Filter { line, editing } = &dashboard.filter;
    let (before, after) = line.halves();
    if !editing && line.is_blank() {
        return;
    }
    let room = usize::from(area.width / 3);
    let seen = overlay::ending(&before, room);
    let words = format!("/{seen}{after}");
    let width = u16::try_from(flow::width(&words)).unwrap_or(area.width);
    let place = Rect {
        x: area.right().saturating_sub(width + 2).max(area.x),
        width: (width + 2).min(area.width),
        ..area
    };
    frame.render_widget(Clear, place);
    frame.render_widget(Line::styled(words, theme::warning()), place);
    if *editing {
        let at = u16::try_from(flow::width(seen)).unwrap_or(0);
        frame.set_cursor_position(Position::new(place.x + 1 + at, place.y));
    }
}

/// The keys that do something now, as many as fit.
fn footer(dashboard: &Dashboard, width: u16) -> Line<'static> {
    let told = keymap::bindings(dashboard.place())
        .filter(|binding| binding.told == Told::Footer && can(dashboard, binding.order));
    let mut line = Line::raw(" ");
    for binding in told {
        let label = Span::styled(binding.label, theme::accent());
        let says = Span::styled(format!(" {}  ", says(dashboard, binding)), theme::quiet());
        let needed = line.width() + label.width() + says.width();
        if needed > usize::from(width) + 2 {
            break;
        }
        line.spans.extend([label, says]);
    }
    line
}

fn says(dashboard: &Dashboard, binding: &Binding) -> &'static str {
    match &dashboard.overlay {
        Overlay::Dialogue(dialogue) if binding.order == Order::Submit => match dialogue.answer {
            Answer::Approve => "approve",
            Answer::Refuse => "refuse",
        },
        Overlay::Ending(_) if binding.order == Order::Submit => "end the session",
        Overlay::Ending(_) if binding.order == Order::Close => "let it run",
        Overlay::None if binding.order == Order::Open => match dashboard.chosen_session() {
            Some(session) if session.ended.is_none() => "watch",
            Some(_) | None => "replay",
        },
        Overlay::None
        | Overlay::Help
        | Overlay::Dialogue(_)
        | Overlay::Ending(_)
        | Overlay::Notice(_) => binding.says,
    }
}

/// Whether an order would do something now.
fn can(dashboard: &Dashboard, order: Order) -> bool {
    let snapshot = &dashboard.snapshot;
    let rows = match dashboard.view {
        View::Waiting => snapshot.holds.len(),
        View::Sessions => snapshot.sessions.len(),
        View::History => snapshot.history.len(),
        View::Targets => snapshot.targets.len(),
    };
    match order {
        Order::Approve | Order::Refuse => dashboard.chosen_hold().is_some_and(|view| {
            let mine = view.standing(&snapshot.me) == Standing::MayAnswer;
            mine && !view.remaining(dashboard.now()).is_zero()
        }),
        Order::Previous | Order::Next | Order::First | Order::Last => rows > 1,
        Order::PageUp | Order::PageDown | Order::LineUp | Order::LineDown => {
            scroll_limit(dashboard) > 0
        }
        Order::Enlarge => dashboard.chosen_hold().is_some(),
        Order::Times => match &dashboard.overlay {
            Overlay::Dialogue(dialogue) => dialogue.may_repeat(),
            Overlay::None | Overlay::Help | Overlay::Ending(_) | Overlay::Notice(_) => false,
        },
        Order::Open => dashboard.chosen_session().is_some(),
        Order::End => dashboard
            .chosen_session()
            .is_some_and(|session| session.ended.is_none()),
        Order::Filter => rows > 1,
        Order::ClearFilter => dashboard.filter.editing || !dashboard.filter.line.is_blank(),
        Order::KeepFilter
        | Order::Sort
        | Order::ShowTargets
        | Order::ShowWaiting
        | Order::ShowSessions
        | Order::ShowHistory
        | Order::NextView
        | Order::PreviousView
        | Order::Help
        | Order::Close
        | Order::Submit
        | Order::CursorLeft
        | Order::CursorRight
        | Order::CursorStart
        | Order::CursorEnd
        | Order::EraseBefore
        | Order::EraseAt
        | Order::EraseWord
        | Order::EraseLine
        | Order::Quit => true,
    }
}

/// A length of time as `mm:ss`, or `h:mm:ss`.
fn clock(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes:02}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// The time that is left, red in its last minute.
fn countdown(left: SignedDuration) -> Span<'static> {
    let style = match left.as_secs() {
        ..60 => theme::elevation(),
        60..180 => theme::warning(),
        180.. => theme::plain(),
    };
    let words = if left.is_zero() {
        "expired".to_owned()
    } else {
        clock(left)
    };
    Span::styled(words, style)
}

/// A moment as people name it on the same day, or with its date.
fn moment(at: Timestamp, now: Timestamp) -> String {
    let format = match same_day(at, now) {
        true => "%H:%M:%S",
        false => "%Y-%m-%d %H:%M",
    };
    at.strftime(format).to_string()
}

/// A moment for a narrow column: the time, or the day when it was another.
fn short_moment(at: Timestamp, now: Timestamp) -> String {
    let format = match same_day(at, now) {
        true => "%H:%M:%S",
        false => "%b %e",
    };
    at.strftime(format).to_string()
}

fn same_day(left: Timestamp, right: Timestamp) -> bool {
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    day(left) == day(right)
}

/// Text in a column of a fixed width.
fn column(words: &str, width: usize, style: Style) -> Span<'static> {
    let mut shown = flow::short(words, width);
    let gap = width.saturating_sub(flow::width(&shown));
    shown.push_str(&" ".repeat(gap));
    Span::styled(shown, style)
}

#[cfg(test)]
mod tests;
