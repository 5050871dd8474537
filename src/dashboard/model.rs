//! The state of the dashboard: what was last heard of the bastion, and where the person stands in it.
//!
//! A choice is kept by the identifier of what was chosen, never by its row, so that a list that changes
//! cannot put something else under the cursor unnoticed. Nothing here draws or decides.

mod arrange;
mod chosen;
mod line_edit;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::dashboard::keymap::Place;
use crate::domain::action::Action;
use crate::domain::answer::{Answer, Times};
use crate::domain::command::visible;
use crate::domain::hold::{Approval, Hold, Resolution, Resolved};
use crate::domain::id::{HoldId, SessionId};
use crate::domain::name::{GroupName, PrincipalName, TargetName};
use crate::domain::principal::Principal;
use crate::domain::recording::SessionSummary;
use crate::domain::target::{Destination, TargetInfo};

pub use chosen::{Chosen, Move};
pub use line_edit::LineEdit;

/// Everything the dashboard shows, as it was at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// When.
    pub now: Timestamp,
    /// Who looks.
    pub me: Principal,
    /// What waits.
    pub holds: Vec<HoldView>,
    /// The sessions that run and the last ones that ended.
    pub sessions: Vec<SessionSummary>,
    /// The last holds that ended.
    pub history: Vec<HistoryEntry>,
    /// The targets the viewer may open.
    pub targets: Vec<TargetView>,
}

/// A target as one person may open it.
#[derive(Debug, Clone)]
pub struct TargetView {
    /// The target, with the logins they may use.
    pub info: TargetInfo,
    /// What happens to a shell there: `allow`, `hold` or `deny`.
    pub shell: &'static str,
}

/// A hold as one person may see it.
#[derive(Debug, Clone)]
pub struct HoldView {
    /// The hold.
    pub hold: Arc<Hold>,
    /// Whether policy names the viewer among those who may answer.
    pub may_answer: bool,
    /// The groups whose members may answer, for people.
    pub approvers: Vec<GroupName>,
}

/// How the viewer stands to a hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// They may answer it.
    MayAnswer,
    /// They approved it already; it needs more people.
    Approved,
    /// It is for other people to answer.
    Others,
    /// They asked for it themselves.
    Own,
}

impl HoldView {
    /// The hold's short name.
    pub fn id(&self) -> &HoldId {
        &self.hold.request().hold
    }

    /// How `me` stands to it.
    pub fn standing(&self, me: &Principal) -> Standing {
        let by_me = |given: &Approval| given.approver.subject == me.subject;
        if self.hold.request().requester.subject == me.subject {
            Standing::Own
        } else if self.hold.approvals().iter().any(by_me) {
            Standing::Approved
        } else if self.may_answer {
            Standing::MayAnswer
        } else {
            Standing::Others
        }
    }

    /// The time that is left at `now`; never negative.
    pub fn remaining(&self, now: Timestamp) -> SignedDuration {
        self.hold
            .expires()
            .duration_since(now)
            .max(SignedDuration::ZERO)
    }

    /// Why `me` may not answer it at `now`, for people; `None` when they may.
    pub fn obstacle(&self, me: &Principal, now: Timestamp) -> Option<String> {
        let id = self.id();
        if self.remaining(now).is_zero() {
            return Some(format!("{id} has expired"));
        }
        match self.standing(me) {
            Standing::MayAnswer => None,
            Standing::Approved => Some(format!("you approved {id}; it needs somebody else too")),
            Standing::Own => Some(format!("{id} is yours: somebody else must answer")),
            Standing::Others => Some(match self.approver_names() {
                names if names.is_empty() => format!("policy does not let you answer {id}"),
                names => format!("{id} is for {names} to answer"),
            }),
        }
    }

    /// The groups that may answer, joined for people; empty when none are named.
    pub fn approver_names(&self) -> String {
        let names: Vec<String> = self.approvers.iter().map(text).collect();
        names.join(", ")
    }
}

/// A hold that ended, as the history shows it.
#[derive(Debug, Clone)]
pub struct HistoryEntry {
    /// The hold's short name.
    pub hold: HoldId,
    /// Who had asked.
    pub requester: PrincipalName,
    /// For what.
    pub action: Action,
    /// Where.
    pub destination: Destination,
    /// The command, safe to print.
    pub command: String,
    /// How it ended.
    pub resolution: Resolution,
    /// When it ended.
    pub at: Timestamp,
}

impl From<&Resolved> for HistoryEntry {
    fn from(resolved: &Resolved) -> Self {
        let request = resolved.hold().request();
        Self {
            hold: request.hold.clone(),
            requester: request.requester.name.clone(),
            action: request.action,
            destination: request.command.scope.destination.clone(),
            command: request.command.shown(),
            resolution: resolved.resolution().clone(),
            at: resolved.at(),
        }
    }
}

impl HistoryEntry {
    /// How it ended, as a sentence without its end: `h-… was approved by carol@example.com`.
    pub fn ending(&self) -> String {
        let id = &self.hold;
        match &self.resolution {
            Resolution::Approved { by } => {
                let names: Vec<String> = by.iter().map(|a| text(&a.approver.name)).collect();
                format!("{id} was approved by {}", names.join(" and "))
            }
            Resolution::Refused { by } => {
                format!("{id} was refused by {}", text(&by.approver.name))
            }
            Resolution::Expired => format!("{id} expired"),
            Resolution::Withdrawn { why } => {
                format!("{id} was withdrawn ({})", visible(why.as_bytes()))
            }
        }
    }
}

/// Any name or text from outside, made safe to print.
pub fn text(given: &impl ToString) -> String {
    visible(given.to_string().as_bytes())
}

/// The lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// What waits.
    Waiting,
    /// The sessions.
    Sessions,
    /// What was decided.
    History,
    /// The targets.
    Targets,
}

impl View {
    /// Every view, in the order of the tabs.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Sessions, Self::History, Self::Targets];
}

/// What the lists are ordered by, beside what matters most in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SortBy {
    /// By time.
    Time,
    /// By the person.
    Person,
    /// By the place.
    Place,
}

impl SortBy {
    /// The next one.
    pub fn next(self) -> Self {
        match self {
            Self::Time => Self::Person,
            Self::Person => Self::Place,
            Self::Place => Self::Time,
        }
    }

    /// In words, for the screen.
    pub fn words(self) -> &'static str {
        match self {
            Self::Time => "by time",
            Self::Person => "by person",
            Self::Place => "by place",
        }
    }
}

/// What the lists are narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// A part of what is shown, whatever its case.
    pub line: LineEdit,
    /// Whether it is being written.
    pub editing: bool,
}

/// How much of the window the chosen request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// It stands beside the list.
    Beside,
    /// It has the whole window.
    Whole,
}

/// What lies over the lists.
#[derive(Debug, Clone)]
pub enum Overlay {
    /// Nothing.
    None,
    /// The help.
    Help,
    /// The dialogue that answers.
    Dialogue(Box<Dialogue>),
    /// The dialogue that ends a session.
    Ending(Box<EndDialogue>),
    /// Something that has to be seen first: keys do nothing else until it is closed.
    Notice(String),
}

/// The dialogue that answers one hold: it keeps the very hold that is shown in it.
#[derive(Debug, Clone)]
pub struct Dialogue {
    /// The hold as it is shown.
    pub shown: HoldView,
    /// The answer that would be given.
    pub answer: Answer,
    /// For how often it would be given.
    pub times: Times,
    /// Why.
    pub reason: LineEdit,
    /// What was wrong with the last try.
    pub problem: Option<String>,
}

impl Dialogue {
    /// Whether policy lets the approver let it run again in its session.
    pub fn may_repeat(&self) -> bool {
        let may = self.shown.hold.again_for().is_some();
        may && self.answer == Answer::Approve
    }
}

/// The dialogue that ends a running session.
#[derive(Debug, Clone)]
pub struct EndDialogue {
    /// The session.
    pub session: SessionSummary,
    /// Why.
    pub reason: LineEdit,
}

/// The mood of a passing message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something went well.
    Good,
    /// Something to know.
    Plain,
    /// Something failed.
    Bad,
}

/// A message that passes by itself.
#[derive(Debug, Clone)]
pub struct Toast {
    /// Its mood.
    pub tone: Tone,
    /// Its words, safe to print.
    pub text: String,
    /// When it goes.
    pub until: Timestamp,
}

/// An answer that was handed on and of whose fate nothing is known yet.
#[derive(Debug, Clone)]
pub struct OnItsWay {
    /// The hold that was answered.
    pub hold: HoldId,
    /// When to stop waiting.
    pub until: Timestamp,
}

/// The dashboard of one person on one terminal.
#[derive(Debug, Clone)]
pub struct Dashboard {
    /// All that was heard of.
    pub(super) heard: Snapshot,
    /// What is shown of it, in order.
    pub(super) snapshot: Snapshot,
    pub(super) filter: Filter,
    pub(super) sort: SortBy,
    pub(super) view: View,
    pub(super) extent: Extent,
    pub(super) overlay: Overlay,
    pub(super) toast: Option<Toast>,
    pub(super) hold: Chosen<HoldId>,
    pub(super) session: Chosen<SessionId>,
    pub(super) entry: Chosen<HoldId>,
    pub(super) target: Chosen<TargetName>,
    /// First line of the chosen request that is shown.
    pub(super) scroll: u16,
    pub(super) on_its_way: Option<OnItsWay>,
    /// Requests whose requesters know that they are looked at.
    pub(super) looked_at: BTreeSet<HoldId>,
    /// The hold that was answered here last; its end is no surprise.
    pub(super) answered: Option<HoldId>,
    /// Until when an answer is not begun, because the choice moved by itself.
    pub(super) unsettled_until: Option<Timestamp>,
    pub(super) columns: u16,
    pub(super) rows: u16,
}

impl Dashboard {
    /// A dashboard that shows what waits, on a terminal of this size.
    pub fn new(snapshot: Snapshot, columns: u16, rows: u16) -> Self {
        let mut dashboard = Self {
            heard: snapshot.clone(),
            snapshot,
            filter: Filter::default(),
            sort: SortBy::Time,
            view: View::Waiting,
            extent: Extent::Beside,
            overlay: Overlay::None,
            toast: None,
            hold: Chosen::default(),
            session: Chosen::default(),
            entry: Chosen::default(),
            target: Chosen::default(),
            scroll: 0,
            on_its_way: None,
            looked_at: BTreeSet::new(),
            answered: None,
            unsettled_until: None,
            columns,
            rows,
        };
        dashboard.arrange();
        dashboard
    }

    /// The time the dashboard goes by.
    pub fn now(&self) -> Timestamp {
        self.heard.now
    }

    /// Where keys are pressed now.
    pub fn place(&self) -> Place {
        match (&self.overlay, self.view, self.extent) {
            (Overlay::Help, _, _) => Place::Help,
            (Overlay::Dialogue(_) | Overlay::Ending(_), _, _) => Place::Dialogue,
            (Overlay::Notice(_), _, _) => Place::Notice,
            (Overlay::None, _, _) if self.filter.editing => Place::Filter,
            (Overlay::None, View::Waiting, Extent::Whole) => Place::Enlarged,
            (Overlay::None, View::Waiting, Extent::Beside) => Place::Waiting,
            (Overlay::None, View::Sessions, _) => Place::Sessions,
            (Overlay::None, View::History, _) => Place::History,
            (Overlay::None, View::Targets, _) => Place::Targets,
        }
    }

    /// The sessions that were heard of.
    pub fn sessions(&self) -> &[SessionSummary] {
        &self.heard.sessions
    }

    /// The hold that is chosen.
    pub fn chosen_hold(&self) -> Option<&HoldView> {
        let id = self.hold.id()?;
        self.snapshot.holds.iter().find(|view| view.id() == id)
    }

    /// The session that is chosen.
    pub fn chosen_session(&self) -> Option<&SessionSummary> {
        let id = self.session.id()?;
        self.snapshot.sessions.iter().find(|s| s.id == *id)
    }

    /// The ended hold that is chosen.
    pub fn chosen_entry(&self) -> Option<&HistoryEntry> {
        let id = self.entry.id()?;
        self.snapshot.history.iter().find(|e| e.hold == *id)
    }

    /// The target that is chosen.
    pub fn chosen_target(&self) -> Option<&TargetView> {
        let name = self.target.id()?;
        self.snapshot.targets.iter().find(|t| t.info.name == *name)
    }

    /// The holds the viewer may answer, whatever the filter.
    pub fn answerable(&self) -> impl Iterator<Item = &HoldView> {
        let me = &self.heard.me;
        let mine = |view: &&HoldView| view.standing(me) == Standing::MayAnswer;
        self.heard.holds.iter().filter(mine)
    }

    /// Whether an answer to this hold was handed on and has not come back.
    pub fn is_on_its_way(&self, hold: &HoldId) -> bool {
        self.on_its_way.as_ref().is_some_and(|it| it.hold == *hold)
    }
}

/// Whether the labels say that this is production.
pub fn is_production(target: &TargetInfo) -> bool {
    let mut labels = target.labels.iter();
    labels.any(|(key, value)| means_production(key, value))
}

/// Whether one label says so.
pub(super) fn means_production(key: &str, value: &str) -> bool {
    let is = |given: &str, words: &[&str]| words.iter().any(|w| given.eq_ignore_ascii_case(w));
    is(key, &["env", "environment", "stage"]) && is(value, &["prod", "production", "live"])
}
