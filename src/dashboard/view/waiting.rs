//! What waits: the list, and the chosen request beside it or in the whole window.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Padding, Paragraph};

use crate::dashboard::model::{Dashboard, Extent, HoldView, Standing, is_production, text};

use super::{column, countdown, detail, theme};

/// Lines of one request in the list: person, place, command, and a gap.
const ITEM_ROWS: usize = 4;
/// Height from which the requester's screen has a panel of its own.
const TALL: u16 = 28;
/// Most lines of the requester's screen in a panel of its own.
const SCREEN_ROWS: u16 = 10;
/// Steps of the bar that shows the time that is left.
const BAR_STEPS: i64 = 12;

pub(super) fn draw(frame: &mut Frame<'_>, body: Rect, dashboard: &Dashboard) {
    let Some(view) = dashboard.chosen_hold() else {
        return nothing(frame, body, dashboard);
    };
    let areas = Areas::of(body, dashboard, view);
    if let Some(area) = areas.list {
        list(frame, area, dashboard);
    }
    request(frame, &areas, dashboard, view);
    if let Some(area) = areas.screen {
        screen(frame, area, view);
    }
}

pub(super) fn scroll_limit(dashboard: &Dashboard, body: Rect) -> u16 {
    let Some(view) = dashboard.chosen_hold() else {
        return 0;
    };
    let areas = Areas::of(body, dashboard, view);
    let inner = inner(areas.request);
    let lines = request_lines(dashboard, view, &areas).len();
    u16::try_from(lines)
        .unwrap_or(u16::MAX)
        .saturating_sub(inner.height)
}

pub(super) fn page(dashboard: &Dashboard, body: Rect) -> u16 {
    let height = dashboard.chosen_hold().map_or(1, |view| {
        inner(Areas::of(body, dashboard, view).request).height
    });
    height.saturating_sub(1).max(1)
}

/// Where the parts of the view are.
struct Areas {
    list: Option<Rect>,
    request: Rect,
    /// The requester's screen, when it has a place of its own.
    screen: Option<Rect>,
}

impl Areas {
    fn of(body: Rect, dashboard: &Dashboard, view: &HoldView) -> Self {
        let (list, right) = match dashboard.extent {
            Extent::Whole => (None, body),
            Extent::Beside => {
                let width = if body.width >= 100 { 42 } else { 32 };
                let [list, right] =
                    Layout::horizontal([Constraint::Length(width), Constraint::Fill(1)])
                        .areas(body);
                (Some(list), right)
            }
        };
        let rows = detail::screen(view, inner(right).width).len();
        let rows = u16::try_from(rows).unwrap_or(u16::MAX).min(SCREEN_ROWS);
        if rows == 0 || body.height < TALL {
            return Self {
                list,
                request: right,
                screen: None,
            };
        }
        let [request, screen] =
            Layout::vertical([Constraint::Fill(1), Constraint::Length(rows + 2)]).areas(right);
        Self {
            list,
            request,
            screen: Some(screen),
        }
    }
}

fn inner(area: Rect) -> Rect {
    theme::panel(Line::default(), theme::border()).inner(area)
}

fn request_lines(dashboard: &Dashboard, view: &HoldView, areas: &Areas) -> Vec<Line<'static>> {
    let width = inner(areas.request).width;
    let mut lines = detail::lines(view, dashboard, width);
    if areas.screen.is_none() {
        let screen = detail::screen(view, width);
        if !screen.is_empty() {
            lines.push(Line::default());
            lines.push(Line::styled("their screen, last lines", theme::quiet()));
            lines.extend(screen);
        }
    }
    lines
}

fn request(frame: &mut Frame<'_>, areas: &Areas, dashboard: &Dashboard, view: &HoldView) {
    let area = areas.request;
    let lines = request_lines(dashboard, view, areas);
    let title = Line::from_iter([
        Span::raw(" "),
        Span::styled(view.id().to_string(), theme::accent()),
        Span::raw(" "),
    ]);
    let height = usize::from(inner(area).height);
    let below = lines
        .len()
        .saturating_sub(height + usize::from(dashboard.scroll));
    let block = theme::panel(title, theme::border())
        .title_top(time_left(dashboard, view, area.width).right_aligned())
        .title_bottom(more(dashboard.scroll, below).right_aligned());
    let paragraph = Paragraph::new(lines)
        .scroll((dashboard.scroll, 0))
        .block(block);
    frame.render_widget(paragraph, area);
}

/// What of the request is out of sight: nobody should answer what they could not know they had not read.
fn more(above: u16, below: usize) -> Line<'static> {
    let mut spans = Vec::new();
    if above > 0 {
        spans.push(Span::styled(format!(" ↑ {above} "), theme::quiet()));
    }
    if below > 0 {
        let lines = if below == 1 { "line" } else { "lines" };
        let words = format!(" ↓ {below} more {lines} ");
        spans.push(Span::styled(words, theme::warning()));
    }
    Line::from(spans)
}

/// Narrowest panel whose title has room for an id, the bar and the time.
const WIDTH_FOR_BAR: u16 = 34;

/// The time that is left, with a bar where there is room for it beside the request's whole id.
fn time_left(dashboard: &Dashboard, view: &HoldView, width: u16) -> Line<'static> {
    let left = view.remaining(dashboard.now());
    if width < WIDTH_FOR_BAR {
        return Line::from_iter([Span::raw(" "), countdown(left), Span::raw(" ")]);
    }
    let whole = view.hold.expires().duration_since(view.hold.created());
    let steps = match whole.as_secs() {
        0 => 0,
        whole => (left.as_secs() * BAR_STEPS / whole + 1).clamp(0, BAR_STEPS),
    };
    let steps = if left.is_zero() { 0 } else { steps };
    let time = countdown(left);
    let bar = "━".repeat(usize::try_from(steps).unwrap_or(0));
    let rest = "╌".repeat(usize::try_from(BAR_STEPS - steps).unwrap_or(0));
    Line::from_iter([
        Span::raw(" "),
        Span::styled(bar, time.style),
        Span::styled(rest, theme::border()),
        Span::raw(" "),
        time,
        Span::raw(" "),
    ])
}

fn screen(frame: &mut Frame<'_>, area: Rect, view: &HoldView) {
    let title = Line::styled(" their screen, last lines ", theme::quiet());
    let lines = detail::screen(view, inner(area).width);
    let height = usize::from(inner(area).height);
    let hidden = u16::try_from(lines.len().saturating_sub(height)).unwrap_or(u16::MAX);
    let paragraph = Paragraph::new(lines)
        .scroll((hidden, 0))
        .block(theme::panel(title, theme::border()));
    frame.render_widget(paragraph, area);
}

fn list(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let block = theme::panel(Line::styled(" Waiting ", theme::strong()), theme::border())
        .padding(Padding::ZERO);
    let inner = block.inner(area);
    let width = usize::from(inner.width);
    let mut lines = Vec::new();
    let mut end = 0;
    let mut headed = false;
    for view in &dashboard.snapshot.holds {
        let mine = view.standing(&dashboard.snapshot.me) == Standing::MayAnswer;
        if !mine && !headed {
            headed = true;
            lines.push(Line::styled("  for others to answer", theme::quiet()));
            lines.push(Line::default());
        }
        let chosen = dashboard.hold.id() == Some(view.id());
        lines.extend(item(dashboard, view, width, chosen));
        if chosen {
            end = lines.len();
        }
        lines.push(Line::default());
    }
    let hidden = end.saturating_sub(usize::from(inner.height));
    let below = lines
        .len()
        .saturating_sub(hidden + usize::from(inner.height) + 1);
    let hint = match below.div_ceil(ITEM_ROWS) {
        0 => Line::default(),
        more => Line::styled(format!(" ↓ {more} more "), theme::quiet()),
    };
    let scroll = (u16::try_from(hidden).unwrap_or(u16::MAX), 0);
    let block = block.title_bottom(hint.right_aligned());
    frame.render_widget(Paragraph::new(lines).scroll(scroll).block(block), area);
}

fn item(dashboard: &Dashboard, view: &HoldView, width: usize, chosen: bool) -> [Line<'static>; 3] {
    let request = view.hold.request();
    let own = view.standing(&dashboard.snapshot.me) == Standing::Own;
    let bar = || match chosen {
        true => Span::styled(format!("{} ", theme::BAR), theme::accent()),
        false => Span::raw("  "),
    };
    let name_style = if chosen {
        theme::strong()
    } else {
        theme::plain()
    };
    let name = if own {
        "you".to_owned()
    } else {
        text(&request.requester.name)
    };
    let time = countdown(view.remaining(dashboard.now()));
    let marks = marks(view);
    let place = format!("{} {}", request.action, request.command.scope.destination);
    let room = |taken: usize| width.saturating_sub(taken + 4);
    let marks_width: usize = marks.iter().map(Span::width).sum();
    let first = Line::from_iter([
        bar(),
        column(&name, room(time.width()), name_style),
        Span::raw(" "),
        time,
    ]);
    let mut second = Line::from_iter([
        bar(),
        column(&place, room(marks_width), name_style),
        Span::raw(" "),
    ]);
    second.spans.extend(marks);
    let command = command_line(view);
    let third = Line::from_iter([bar(), column(&command, room(0), theme::quiet())]);
    [first, second, third]
}

fn command_line(view: &HoldView) -> String {
    let lines = detail::command(view, u16::MAX);
    let words: Vec<String> = lines.iter().map(Line::to_string).collect();
    words.join(" ")
}

/// The risks of a request at a glance.
fn marks(view: &HoldView) -> Vec<Span<'static>> {
    let request = view.hold.request();
    let reading = &request.reading;
    let mut marks = Vec::new();
    if !reading.elevation.is_empty() {
        marks.push(Span::styled(theme::ELEVATION, theme::elevation()));
    }
    if reading.is_opaque() {
        marks.push(Span::styled(theme::OPAQUE, theme::opaque()));
    }
    if !reading.escapes.is_empty() {
        marks.push(Span::styled(theme::ESCAPES, theme::escapes()));
    }
    if is_production(&request.target) {
        if !marks.is_empty() {
            marks.push(Span::raw(" "));
        }
        marks.push(theme::production("PROD"));
    }
    marks
}

/// The empty queue: kind, and telling what will happen.
fn nothing(frame: &mut Frame<'_>, area: Rect, dashboard: &Dashboard) {
    let snapshot = &dashboard.snapshot;
    let running = snapshot.sessions.iter().filter(|s| s.ended.is_none());
    let production = snapshot.targets.iter().filter(|t| is_production(&t.info));
    let sessions = match running.count() {
        1 => "1 session running".to_owned(),
        many => format!("{many} sessions running"),
    };
    let targets = match snapshot.targets.len() {
        1 => "1 target".to_owned(),
        many => format!("{many} targets"),
    };
    let around = format!(
        "{targets}, {} in production   ·   {sessions}",
        production.count()
    );
    let lines = vec![
        Line::styled("✓", theme::good()),
        Line::default(),
        Line::styled("All quiet: nothing waits for an answer.", theme::strong()),
        Line::default(),
        Line::raw("When somebody needs a second person, their request appears here"),
        Line::raw("by itself and the bell rings. You can leave this open."),
        Line::default(),
        Line::styled(around, theme::quiet()),
    ];
    let block = Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(theme::border());
    let inside = block.inner(area);
    frame.render_widget(block, area);
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let [_, middle, _] = Layout::vertical([
        Constraint::Fill(2),
        Constraint::Length(height),
        Constraint::Fill(3),
    ])
    .areas(inside);
    frame.render_widget(Paragraph::new(lines).alignment(Alignment::Center), middle);
}
