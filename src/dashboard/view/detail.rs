//! One request, whole: what would run first, then what is risky about it, then who, where and by which rule.

use jiff::Timestamp;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::dashboard::model::{
    Dashboard, HistoryEntry, HoldView, Standing, Tone, is_production, means_production, text,
};
use crate::domain::action::{ReasonRule, SignatureRule};
use crate::domain::command::{Layer, Reading, Script, visible};
use crate::domain::name::GroupName;
use crate::domain::principal::{Principal, PrincipalKind};
use crate::domain::recording::SessionSummary;
use crate::domain::sudo::RunAs;
use crate::domain::target::EnforcementLayer;

use super::tables::outcome;
use super::{flow, short_moment, theme};

/// Columns of the labels.
const LABEL: u16 = 9;
/// Lines from which a command is long.
const LONG: usize = 9;
/// Most programs that are listed one by one.
const PROGRAMS: usize = 12;
/// Columns of an earlier command.
const ONE_LINE: usize = 40;
/// Requests of the same person that are told.
const LATELY: usize = 3;
/// Hexadecimal digits of the digest that are shown: enough to compare over the phone.
const DIGEST_DIGITS: usize = 16;

/// The request as lines of at most `width` columns.
pub(super) fn lines(view: &HoldView, dashboard: &Dashboard, width: u16) -> Vec<Line<'static>> {
    let (me, now) = (&dashboard.heard.me, dashboard.now());
    let request = view.hold.request();
    let mut page = Page {
        lines: Vec::new(),
        width,
    };
    page.lines.push(badges(view));
    page.gap();
    let mut command = command(view, width);
    if command.len() > LONG {
        // The risks of a long command would be out of sight below it.
        page.findings(&request.reading);
        page.gap();
        page.lines.append(&mut command);
        page.gap();
    } else {
        page.lines.append(&mut command);
        page.gap();
        page.findings(&request.reading);
    }
    page.standing(view, me, now);
    page.gap();
    page.people(view);
    page.surroundings(view, dashboard);
    page.rule(view);
    page.runs(&request.reading);
    page.proofs(view);
    page.lines
}

/// The command as lines of at most `width` columns; where there is none, what is asked for instead.
pub(super) fn command(view: &HoldView, width: u16) -> Vec<Line<'static>> {
    let request = view.hold.request();
    if !request.command.bytes.is_empty() {
        let mut lines = flow::command(&request.command, &request.reading, width);
        if let Some(script) = &request.command.script {
            lines.extend(script_of(script, width));
        }
        return lines;
    }
    let words = match request.command.layer {
        Layer::Shell => "an interactive shell",
        Layer::Connect
        | Layer::Exec
        | Layer::Line
        | Layer::Subsystem
        | Layer::Forward
        | Layer::Transfer
        | Layer::Sudo => "an empty command",
    };
    vec![Line::styled(words, theme::strong())]
}

/// A script on a command's standard input, as far as it is kept.
fn script_of(script: &Script, width: u16) -> Vec<Line<'static>> {
    let heading = |words: String| flow::lines(&[(words, theme::quiet())], width);
    let mut lines = heading(format!("with {}:", script.described()));
    lines.extend(flow::bytes(&script.head, width));
    let rest = script.length.saturating_sub(script.head.len() as u64);
    if rest > 0 {
        lines.extend(heading(format!("… and {rest} bytes more")));
    }
    lines
}

/// The risks of a request, each behind its mark.
pub(super) fn findings(view: &HoldView, width: u16) -> Vec<Line<'static>> {
    let mut page = Page {
        lines: Vec::new(),
        width,
    };
    page.findings(&view.hold.request().reading);
    page.lines
}

/// The last lines of the requester's screen, as lines of at most `width` columns; empty when there are none.
pub(super) fn screen(view: &HoldView, width: u16) -> Vec<Line<'static>> {
    let screen = &view.hold.request().screen;
    let used = screen.iter().rposition(|line| !line.trim().is_empty());
    let shown = screen.iter().take(used.map_or(0, |last| last + 1));
    shown
        .flat_map(|line| flow::lines(&[(line.clone(), theme::plain())], width))
        .collect()
}

/// What is asked for and where, with production before all.
pub(super) fn badges(view: &HoldView) -> Line<'static> {
    let request = view.hold.request();
    let mut spans = Vec::new();
    if is_production(&request.target) {
        spans.push(theme::production("PRODUCTION"));
        spans.push(Span::raw(" "));
    }
    let action = request.action.as_str();
    spans.push(theme::badge(action, theme::accent()));
    spans.push(Span::styled(
        format!(" on {}", request.command.scope.destination),
        theme::strong(),
    ));
    Line::from(spans)
}

/// Lines in the making.
struct Page {
    lines: Vec<Line<'static>>,
    width: u16,
}

impl Page {
    fn gap(&mut self) {
        self.lines.push(Line::default());
    }

    /// Text behind a mark, its further lines indented.
    fn marked(&mut self, mark: &str, style: Style, words: &str) {
        let pieces = [(words.to_owned(), style)];
        let lines = flow::lines(&pieces, self.width.saturating_sub(2));
        for (row, line) in lines.into_iter().enumerate() {
            let lead = if row == 0 { mark } else { " " };
            self.push(Span::styled(format!("{lead} "), style), line);
        }
    }

    /// Text behind a label, its further lines indented.
    fn field(&mut self, label: &str, pieces: &[(String, Style)]) {
        let lines = flow::lines(pieces, self.width.saturating_sub(LABEL));
        for (row, line) in lines.into_iter().enumerate() {
            let lead = if row == 0 { label } else { "" };
            let lead = format!("{lead:width$}", width = usize::from(LABEL));
            self.push(Span::styled(lead, theme::quiet()), line);
        }
    }

    fn plain(&mut self, label: &str, words: impl Into<String>) {
        self.field(label, &[(words.into(), theme::plain())]);
    }

    fn push(&mut self, lead: Span<'static>, line: Line<'static>) {
        let spans = std::iter::once(lead).chain(line.spans);
        self.lines.push(Line::from_iter(spans));
    }

    fn findings(&mut self, reading: &Reading) {
        if !reading.elevation.is_empty() {
            let words = format!("another user's rights, by {}", list(&reading.elevation));
            self.marked(theme::ELEVATION, theme::elevation(), &words);
        }
        if opens_shell(reading) {
            let words = "what runs in a shell it starts is not held again";
            self.marked(theme::ELEVATION, theme::elevation(), words);
        }
        for unknown in &reading.unknowns {
            let words = format!("not understood: {}", unknown.reason);
            self.marked(theme::OPAQUE, theme::opaque(), &words);
        }
        for person in reading.sudo.iter().flat_map(|facts| &facts.company) {
            let name = &person.name;
            let words = format!("{name} is on the same login, and could have called it as well");
            self.marked(theme::ELEVATION, theme::elevation(), &words);
        }
        if !reading.escapes.is_empty() {
            let words = format!("can start a shell: {}", list(&reading.escapes));
            self.marked(theme::ESCAPES, theme::escapes(), &words);
        }
        if !reading.is_opaque() && !reading.commands.is_empty() {
            self.marked("✓", theme::good(), "every part of it was understood");
        }
    }

    fn standing(&mut self, view: &HoldView, me: &Principal, now: Timestamp) {
        if view.remaining(now).is_zero() {
            return self.marked("◷", theme::quiet(), "expired: it will not run");
        }
        let words = match view.standing(me) {
            Standing::MayAnswer => return,
            Standing::Own => "yours: somebody else must answer".to_owned(),
            Standing::Approved => "you approved it: somebody else must too".to_owned(),
            Standing::Others => "for others to answer".to_owned(),
        };
        self.marked("◷", theme::tone(Tone::Plain), &words);
    }

    fn people(&mut self, view: &HoldView) {
        let request = view.hold.request();
        let requester = &request.requester;
        let kind = match requester.kind {
            PrincipalKind::Person => "",
            PrincipalKind::Workload => "  a workload, no person",
        };
        let name = (text(&requester.name), theme::strong());
        self.field("who", &[name, (kind.to_owned(), theme::warning())]);
        if !requester.groups.is_empty() {
            let groups = requester.groups.iter().map(GroupName::as_str);
            self.plain("groups", list(groups));
        }
        self.plain("from", request.source.to_string());
        if let Some(reason) = &request.reason {
            self.field(
                "reason",
                &[(format!("“{}”", text(reason)), theme::strong())],
            );
        }
        let mut target = vec![(text(&request.target.name), theme::strong())];
        for (key, value) in &request.target.labels {
            let style = match means_production(key, value) {
                true => theme::elevation(),
                false => theme::plain(),
            };
            target.push((format!("  {key}={value}"), style));
        }
        self.field("target", &target);
    }

    /// What the same person asked for lately and how that went, and who else is on the target now.
    fn surroundings(&mut self, view: &HoldView, dashboard: &Dashboard) {
        let request = view.hold.request();
        let asked = |entry: &&HistoryEntry| entry.requester == request.requester.name;
        let lately = dashboard.heard.history.iter().filter(asked).take(LATELY);
        for (row, entry) in lately.enumerate() {
            let label = if row == 0 { "lately" } else { "" };
            let (mark, style) = outcome(&entry.resolution);
            let words = [
                (format!("{mark} "), style),
                (short_moment(entry.at, dashboard.now()), theme::quiet()),
                (
                    format!("  {}", flow::short(&entry.command, ONE_LINE)),
                    theme::plain(),
                ),
            ];
            self.field(label, &words);
        }
        let scope = &request.command.scope;
        let there = |session: &&SessionSummary| {
            let running = session.ended.is_none() && session.id != scope.session;
            running && session.target.name == request.target.name
        };
        let sessions = dashboard.heard.sessions.iter().filter(there);
        let people: Vec<String> = sessions
            .map(|session| format!("{} as {}", session.person, session.destination.login))
            .collect();
        if !people.is_empty() {
            self.plain("there", list(&people));
        }
    }

    fn rule(&mut self, view: &HoldView) {
        let rule = view.hold.requirements();
        self.plain("policy", list(&rule.policies));
        if let Some(sentence) = &rule.sentence {
            self.field("", &[(format!("“{sentence}”"), theme::quiet())]);
        }
        self.plain("needs", needs(view));
        for given in view.hold.approvals() {
            let mut words = vec![
                ("✓ ".to_owned(), theme::good()),
                (text(&given.approver.name), theme::strong()),
            ];
            if given.signed.is_some() {
                words.push((" signed".to_owned(), theme::good()));
            }
            if !given.reason.is_empty() {
                words.push((format!("  “{}”", given.reason), theme::plain()));
            }
            self.field("", &words);
        }
    }

    fn runs(&mut self, reading: &Reading) {
        if let Some(facts) = &reading.sudo {
            let words = match &facts.run_as {
                RunAs::Default => "root",
                RunAs::Named(account) => account,
                RunAs::Unknown => "somebody who could not be read",
            };
            self.field("as", &[(visible(words.as_bytes()), theme::strong())]);
        }
        for (row, command) in reading.commands.iter().take(PROGRAMS).enumerate() {
            let label = if row == 0 { "runs" } else { "" };
            let through = match command.wrappers.as_slice() {
                [] => String::new(),
                wrappers => format!("{} › ", wrappers.join(" › ")),
            };
            let words = command.words.join(" ");
            self.field(label, &[(through, theme::quiet()), (words, theme::plain())]);
        }
        let more = reading.commands.len().saturating_sub(PROGRAMS);
        if more > 0 {
            self.field("", &[(format!("and {more} more"), theme::quiet())]);
        }
        if !reading.paths.is_empty() {
            self.field("files", &[(list(&reading.paths), theme::warning())]);
        }
    }

    /// What proves that this is the request it seems to be, and how it was seen.
    fn proofs(&mut self, view: &HoldView) {
        let request = view.hold.request();
        self.plain("seen as", seen_as(request.command.layer));
        let layers = request.target.layers.iter().map(|layer| match layer {
            EnforcementLayer::Wire => "wire",
            EnforcementLayer::Line => "line",
            EnforcementLayer::Sudo => "sudo",
        });
        self.plain("layers", list(layers));
        self.field("key", &[(text(&request.key), theme::quiet())]);
        let digest = view.hold.digest().to_string();
        let digest: String = digest.chars().take(DIGEST_DIGITS).collect();
        self.field("digest", &[(format!("{digest}…"), theme::quiet())]);
    }
}

/// What a hold takes, in words: `2 approvals from sre-leads, 1 given`.
pub(super) fn needs(view: &HoldView) -> String {
    let rule = view.hold.requirements();
    let given = view.hold.approvals().len();
    let needed = rule.approvals.get();
    let count = match needed {
        1 => "1 approval".to_owned(),
        many => format!("{many} approvals"),
    };
    let from = match view.approver_names() {
        names if names.is_empty() => String::new(),
        names => format!(" from {names}"),
    };
    let so_far = match given {
        0 => String::new(),
        some => format!(", {some} given"),
    };
    let reason = match rule.reason {
        ReasonRule::Required => ", with a reason",
        ReasonRule::Optional => "",
    };
    let signed = match rule.signed {
        SignatureRule::Required => ", signed",
        SignatureRule::Optional => "",
    };
    format!("{count}{from}{so_far}{reason}{signed}")
}

/// Whether it may leave a shell of another user behind, which the sudo gate does not see into.
fn opens_shell(reading: &Reading) -> bool {
    const SHELLS: [&str; 7] = ["sh", "bash", "zsh", "dash", "ksh", "fish", "su"];
    const FLAGS: [&str; 5] = ["-i", "-s", "--login", "--shell", "-"];
    let starts = |program: &str| SHELLS.contains(&program);
    let asks = |words: &[String]| {
        words
            .iter()
            .skip(1)
            .take_while(|word| word.starts_with('-'))
            .any(|word| FLAGS.contains(&word.as_str()))
    };
    let elevated = !reading.elevation.is_empty();
    elevated
        && (!reading.escapes.is_empty()
            || reading.commands.iter().any(|command| {
                starts(&command.program)
                    || (reading.elevation.contains(&command.program) && asks(&command.words))
            }))
}

fn seen_as(layer: Layer) -> &'static str {
    match layer {
        Layer::Connect => "opening of the target, before anything is asked for there",
        Layer::Exec => "exec request",
        Layer::Line => "line typed in a shell: a guard rail",
        Layer::Shell => "request for a shell",
        Layer::Subsystem => "subsystem request",
        Layer::Forward => "request to forward",
        Layer::Transfer => "one operation of a file transfer",
        Layer::Sudo => "sudo itself, before it runs",
    }
}

fn list(words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push_str(", ");
        }
        joined.push_str(word.as_ref());
    }
    joined
}
