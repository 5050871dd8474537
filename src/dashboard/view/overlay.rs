//! What lies over the views: the dialogue that answers, notices, the help and passing messages.

use jiff::SignedDuration;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use crate::dashboard::keymap::{self, Place, Told};
use crate::dashboard::model::{
    Dashboard, Dialogue, EndDialogue, HoldView, LineEdit, Toast, Tone, View, text,
};
use crate::domain::action::ReasonRule;
use crate::domain::answer::{Answer, Times};
use crate::domain::hold::REASON_CHARS;

use super::{clock, countdown, detail, flow, theme};

/// Widest dialogue.
const DIALOGUE_COLUMNS: u16 = 76;
/// Lines of the dialogue that are not the command or its risks: frame, place, person, reason and gaps.
const DIALOGUE_ROWS: u16 = 13;
/// Widest notice.
const NOTICE_COLUMNS: u16 = 56;
/// Widest passing message.
const TOAST_COLUMNS: u16 = 60;
/// Size of the help.
const HELP_SIZE: (u16, u16) = (76, 20);

pub(super) fn dialogue(
    frame: &mut Frame<'_>,
    area: Rect,
    dashboard: &Dashboard,
    dialogue: &Dialogue,
) {
    let view = &dialogue.shown;
    let (verb, style) = match dialogue.answer {
        Answer::Approve => ("Approve", theme::good()),
        Answer::Refuse => ("Refuse", theme::bad()),
    };
    let columns = DIALOGUE_COLUMNS.min(area.width.saturating_sub(4));
    let width = columns.saturating_sub(4);
    let room = usize::from(area.height.saturating_sub(DIALOGUE_ROWS));
    let lines = request(view, width, room);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let outer = over(frame, area, columns, height.saturating_add(6));
    let title = Line::styled(
        format!(" {verb} {} ", view.id()),
        style.add_modifier(Modifier::BOLD),
    );
    let time = countdown(view.remaining(dashboard.now()));
    let time = Line::from_iter([Span::raw(" "), time, Span::raw(" ")]);
    let block = theme::panel(title, style).title_top(time.right_aligned());
    let inner = block.inner(outer);
    frame.render_widget(block, outer);
    let [text_area, reason_area, problem_area] = Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(3),
        Constraint::Length(1),
    ])
    .areas(inner);
    frame.render_widget(Paragraph::new(lines), text_area);
    let required = view.hold.requirements().reason;
    let sending = dashboard.is_on_its_way(view.id());
    reason(frame, reason_area, &dialogue.reason, required, sending);
    frame.render_widget(state(dialogue, sending), problem_area);
}

/// The dialogue that ends a running session.
pub(super) fn end_dialogue(frame: &mut Frame<'_>, area: Rect, dialogue: &EndDialogue) {
    let session = &dialogue.session;
    let columns = DIALOGUE_COLUMNS.min(area.width.saturating_sub(4));
    let width = columns.saturating_sub(4);
    let whose = [
        (text(&session.person), theme::strong()),
        (format!(" on {}", session.destination), theme::plain()),
    ];
    let asked = [(session.asked.clone(), theme::quiet())];
    let words = "It is cut off at once, with what it runs on the target. Its person is told who ended it and why.";
    let mut lines = flow::lines(&whose, width);
    lines.extend(flow::lines(&asked, width).into_iter().take(3));
    lines.push(Line::default());
    lines.extend(flow::lines(&[(words.to_owned(), theme::plain())], width));
    lines.push(Line::default());
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let outer = over(frame, area, columns, height.saturating_add(5));
    let title = Line::styled(format!(" End {} ", session.id), theme::bad());
    let block = theme::panel(title, theme::bad());
    let inner = block.inner(outer);
    frame.render_widget(block, outer);
    let [text_area, reason_area] =
        Layout::vertical([Constraint::Length(height), Constraint::Length(3)]).areas(inner);
    frame.render_widget(Paragraph::new(lines), text_area);
    let rule = ReasonRule::Optional;
    reason(frame, reason_area, &dialogue.reason, rule, false);
}

/// What would be answered, in at most `room` lines beside the fixed ones. The risks come before the command's end.
fn request(view: &HoldView, width: u16, room: usize) -> Vec<Line<'static>> {
    let mut findings = detail::findings(view, width);
    findings.truncate(room / 2);
    let command = detail::command(view, width);
    let mut lines = vec![
        detail::badges(view),
        Line::from_iter([
            Span::styled("for ", theme::quiet()),
            Span::styled(text(&view.hold.request().requester.name), theme::strong()),
            Span::styled(format!(", needs {}", detail::needs(view)), theme::quiet()),
        ]),
        Line::default(),
    ];
    lines.extend(shown_command(command, room.saturating_sub(findings.len())));
    lines.push(Line::default());
    lines.extend(findings);
    lines.push(Line::default());
    lines
}

/// As much of the command as there is room for; what is missing is said.
fn shown_command(mut lines: Vec<Line<'static>>, room: usize) -> Vec<Line<'static>> {
    let room = room.max(2);
    if lines.len() > room {
        let more = lines.len() - (room - 1);
        lines.truncate(room - 1);
        let words = format!("↓ {more} more lines: leave with esc and read them first");
        lines.push(Line::styled(words, theme::warning()));
    }
    lines
}

fn state(dialogue: &Dialogue, sending: bool) -> Line<'static> {
    match (&dialogue.problem, sending) {
        (_, true) if dialogue.shown.hold.needs_signature(dialogue.answer) => Line::styled(
            "your key is asked to sign: allow it, or touch it",
            theme::warning(),
        ),
        (_, true) => Line::styled("sending your answer …", theme::quiet()),
        (Some(problem), false) => Line::styled(format!("✗ {problem}"), theme::bad()),
        (None, false) => times(dialogue),
    }
}

/// For how often it is approved, where the approver may choose.
fn times(dialogue: &Dialogue) -> Line<'static> {
    let longest = dialogue.shown.hold.again_for();
    match (longest.filter(|_| dialogue.may_repeat()), dialogue.times) {
        (None, _) => Line::default(),
        (Some(_), Times::Once) => Line::styled("for this once (tab changes)", theme::quiet()),
        (Some(longest), Times::Again) => {
            let time = clock(SignedDuration::from_secs(
                longest.as_secs().try_into().unwrap_or(i64::MAX),
            ));
            let words = format!("and again for {time}, wherever in this session (tab changes)");
            Line::styled(words, theme::warning())
        }
    }
}

fn reason(frame: &mut Frame<'_>, area: Rect, reason: &LineEdit, rule: ReasonRule, sending: bool) {
    let title = match rule {
        ReasonRule::Required => " reason, required ",
        ReasonRule::Optional => " reason ",
    };
    let mut block = theme::panel(Line::styled(title, theme::quiet()), theme::accent());
    let left = REASON_CHARS - reason.length().min(REASON_CHARS);
    if left < REASON_CHARS / 10 {
        let words = format!(" {left} left ");
        block = block.title_top(Line::styled(words, theme::warning()).right_aligned());
    }
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let (before, after) = reason.halves();
    let seen = ending(&before, usize::from(inner.width.saturating_sub(1)));
    let at = u16::try_from(flow::width(seen)).unwrap_or(0);
    frame.render_widget(Line::raw(format!("{seen}{after}")), inner);
    if !sending {
        frame.set_cursor_position(Position::new(inner.x + at, inner.y));
    }
}

/// The longest ending of a text that takes at most `width` columns.
pub(super) fn ending(text: &str, width: usize) -> &str {
    let mut starts = text.char_indices().map(|(at, _)| at);
    let fits = |at: &usize| text.get(*at..).is_some_and(|t| flow::width(t) <= width);
    starts
        .find(fits)
        .and_then(|at| text.get(at..))
        .unwrap_or("")
}

pub(super) fn notice(frame: &mut Frame<'_>, area: Rect, words: &str) {
    let columns = NOTICE_COLUMNS.min(area.width.saturating_sub(4));
    let pieces = [(words.to_owned(), theme::plain())];
    let mut lines = vec![Line::default()];
    lines.extend(flow::lines(&pieces, columns.saturating_sub(4)));
    lines.push(Line::default());
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let outer = over(frame, area, columns, height.saturating_add(2));
    let title = Line::styled(" Look again ", theme::escapes());
    let block = theme::panel(title, theme::warning());
    frame.render_widget(Paragraph::new(lines).block(block), outer);
}

pub(super) fn toast(frame: &mut Frame<'_>, body: Rect, toast: &Toast) {
    let mark = match toast.tone {
        Tone::Good => "✓ ",
        Tone::Plain => "· ",
        Tone::Bad => "✗ ",
    };
    let style = theme::tone(toast.tone);
    let widest = TOAST_COLUMNS.min(body.width.saturating_sub(4));
    let pieces = [
        (mark.to_owned(), style),
        (toast.text.clone(), theme::strong()),
    ];
    let lines = flow::lines(&pieces, widest.saturating_sub(4));
    let columns = lines.iter().map(Line::width).max().unwrap_or(0);
    let columns = u16::try_from(columns).unwrap_or(widest).saturating_add(4);
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let rows = rows.saturating_add(2).min(body.height);
    let area = Rect::new(
        body.right().saturating_sub(columns + 1),
        body.bottom().saturating_sub(rows + 1),
        columns,
        rows,
    );
    frame.render_widget(Clear, area);
    let block = theme::panel(Line::default(), style);
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

pub(super) fn help(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let (columns, rows) = HELP_SIZE;
    let outer = over(frame, area, columns, rows);
    let title = Line::styled(" Help ", theme::accent());
    let block = theme::panel(title, Style::new().fg(Color::Cyan));
    let inner = block.inner(outer);
    frame.render_widget(block, outer);
    let [left, right] =
        Layout::horizontal([Constraint::Percentage(46), Constraint::Fill(1)]).areas(inner);
    let place = match dashboard.view {
        View::Waiting => Place::Waiting,
        View::Sessions => Place::Sessions,
        View::History => Place::History,
        View::Targets => Place::Targets,
    };
    frame.render_widget(Paragraph::new(keys(place)), left);
    frame.render_widget(Paragraph::new(legend(right.width)), right);
}

fn keys(place: Place) -> Vec<Line<'static>> {
    let told = keymap::bindings(place).filter(|b| b.told != Told::Silent);
    let mut lines = vec![
        Line::default(),
        Line::styled("Keys", theme::strong()),
        Line::default(),
    ];
    lines.extend(told.map(|binding| {
        Line::from_iter([
            Span::styled(format!("{:10}", binding.label), theme::accent()),
            Span::raw(binding.says),
        ])
    }));
    lines
}

fn legend(width: u16) -> Vec<Line<'static>> {
    let mut lines = vec![
        Line::default(),
        Line::styled("Marks", theme::strong()),
        Line::default(),
    ];
    for (mark, style, words) in [
        (
            theme::ELEVATION,
            theme::elevation(),
            "another user's rights: sudo, su, …",
        ),
        (theme::OPAQUE, theme::opaque(), "could not be read whole"),
        (
            theme::ESCAPES,
            theme::escapes(),
            "can start a shell of its own",
        ),
    ] {
        lines.push(Line::from_iter([
            Span::styled(format!("{mark}  "), style),
            Span::raw(words),
        ]));
    }
    lines.push(Line::from_iter([
        theme::production("PROD"),
        Span::raw(" a production target"),
    ]));
    lines.push(Line::default());
    lines.push(Line::styled("Answers", theme::strong()));
    lines.push(Line::default());
    let words = "An approval is for exactly the command on the screen. Nobody answers their own \
                 request. When it ends before you are done, you are told and nothing is answered.";
    lines.extend(flow::lines(&[(words.to_owned(), theme::plain())], width));
    lines
}

/// Clears a place in the middle and lets what is around it step back.
fn over(frame: &mut Frame<'_>, area: Rect, columns: u16, rows: u16) -> Rect {
    let back = Style::new()
        .fg(Color::DarkGray)
        .remove_modifier(Modifier::BOLD | Modifier::REVERSED | Modifier::UNDERLINED);
    frame.buffer_mut().set_style(area, back);
    let place = area.centered(
        Constraint::Length(columns.min(area.width)),
        Constraint::Length(rows.min(area.height)),
    );
    frame.render_widget(Clear, place);
    place
}
