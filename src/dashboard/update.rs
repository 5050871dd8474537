//! What happens: a message in, actions out. The only code that changes the dashboard.
//!
//! An answer is bound to the hold and digest that stood in the dialogue. When that hold ends or changes while
//! its dialogue is open, a notice takes the dialogue's place and swallows what is still being typed, so that
//! no letter of a reason becomes an order and no Enter answers what was not seen.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::dashboard::keymap::{self, Key, Order};
use crate::dashboard::model::{
    Dashboard, Dialogue, EndDialogue, Extent, Filter, HoldView, LineEdit, Move, OnItsWay, Overlay,
    Snapshot, Standing, Toast, Tone, View, text,
};
use crate::dashboard::view;
use crate::domain::action::ReasonRule;
use crate::domain::answer::{Answer, Times};
use crate::domain::command::CommandDigest;
use crate::domain::hold::Reply;
use crate::domain::id::{HoldId, SessionId};

/// How long a message stays.
const TOAST_TIME: Duration = Duration::from_secs(6);
/// How long a message that something failed stays.
const PROBLEM_TIME: Duration = Duration::from_secs(12);
/// How long an answer is not begun after the choice moved by itself: longer than a key takes that was on its way.
const SETTLING_TIME: Duration = Duration::from_secs(1);
/// How long the fate of an answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// Something that happened.
#[derive(Debug, Clone)]
pub enum Message {
    /// A key was pressed.
    Keys(Key),
    /// The bastion's state, as it is now.
    Snapshot(Box<Snapshot>),
    /// Time went by.
    Tick(Timestamp),
    /// The terminal has another size.
    Resized {
        /// Its width.
        columns: u16,
        /// Its height.
        rows: u16,
    },
    /// What became of the last [`Action::Answer`], in words for the person who gave it.
    Answered(Result<String, String>),
}

/// Something to be done for the dashboard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Answer a hold, if it still is this hold with this digest. [`Message::Answered`] tells what became of it.
    Answer {
        /// The hold.
        hold: HoldId,
        /// The digest of the command that was shown.
        digest: CommandDigest,
        /// The answer.
        reply: Reply,
    },
    /// The requester may know that somebody looks at this hold.
    Seen(HoldId),
    /// Replay a session on this terminal.
    Replay(SessionId),
    /// Watch a running session on this terminal.
    Watch(SessionId),
    /// End a session at once. [`Message::Answered`] tells what became of it.
    End {
        /// The session.
        session: SessionId,
        /// Why.
        reason: String,
    },
    /// Leave.
    Quit,
    /// Ring the terminal's bell, and say why.
    Bell(String),
}

impl Dashboard {
    /// Takes a message and says what is to be done.
    pub fn update(&mut self, message: Message) -> Vec<Action> {
        match message {
            Message::Keys(key) => {
                let action = self.press(key);
                action.into_iter().chain(self.look()).collect()
            }
            Message::Snapshot(snapshot) => self.take(*snapshot).into_iter().collect(),
            Message::Tick(now) => {
                self.pass(now);
                Vec::new()
            }
            Message::Resized { columns, rows } => {
                (self.columns, self.rows) = (columns, rows);
                self.clamp();
                Vec::new()
            }
            Message::Answered(result) => {
                self.answered(result);
                Vec::new()
            }
        }
    }

    /// Whoever presses a key looks at the request that stands before them: its requester may know, once.
    fn look(&mut self) -> Option<Action> {
        let view = match (self.view, &self.overlay) {
            (View::Waiting, Overlay::None | Overlay::Dialogue(_)) => self.chosen_hold()?,
            (View::Waiting | View::Sessions | View::History | View::Targets, _) => return None,
        };
        let id = view.id().clone();
        let settled = self.unsettled_until.is_none_or(|until| self.now() >= until);
        let answerable = settled && view.standing(&self.heard.me) == Standing::MayAnswer;
        (answerable && self.looked_at.insert(id.clone())).then_some(Action::Seen(id))
    }

    fn press(&mut self, key: Key) -> Option<Action> {
        if let Some(order) = keymap::order(self.place(), &key) {
            return self.obey(order);
        }
        self.write(|line| match &key {
            Key::Char(c) => line.insert(*c),
            Key::Paste(text) => line.paste(text),
            Key::Ctrl(_)
            | Key::Enter
            | Key::Escape
            | Key::Tab
            | Key::BackTab
            | Key::Up
            | Key::Down
            | Key::Left
            | Key::Right
            | Key::PageUp
            | Key::PageDown
            | Key::Home
            | Key::End
            | Key::Backspace
            | Key::Delete => {}
        });
        None
    }

    fn obey(&mut self, order: Order) -> Option<Action> {
        match order {
            Order::Previous => self.choose(Move::Previous),
            Order::Next => self.choose(Move::Next),
            Order::First => self.choose(Move::First),
            Order::Last => self.choose(Move::Last),
            Order::LineUp => self.scroll = self.scroll.saturating_sub(1),
            Order::LineDown => self.scroll = self.scroll.saturating_add(1),
            Order::PageUp => self.scroll = self.scroll.saturating_sub(view::page(self)),
            Order::PageDown => self.scroll = self.scroll.saturating_add(view::page(self)),
            Order::Enlarge => self.enlarge(),
            Order::ShowWaiting => self.show(View::Waiting),
            Order::ShowSessions => self.show(View::Sessions),
            Order::ShowHistory => self.show(View::History),
            Order::ShowTargets => self.show(View::Targets),
            Order::NextView => self.show(neighbour(self.view, 1)),
            Order::PreviousView => self.show(neighbour(self.view, View::ALL.len() - 1)),
            Order::Approve => self.begin(Answer::Approve),
            Order::Refuse => self.begin(Answer::Refuse),
            Order::Help => self.overlay = Overlay::Help,
            Order::Close => self.overlay = Overlay::None,
            Order::Open => return self.open(),
            Order::End => self.begin_end(),
            Order::Filter => self.filter.editing = true,
            Order::KeepFilter => self.filter.editing = false,
            Order::ClearFilter => {
                self.filter = Filter::default();
                self.arrange();
            }
            Order::Sort => {
                self.sort = self.sort.next();
                self.arrange();
                self.tell(Tone::Plain, format!("sorted {}", self.sort.words()));
            }
            Order::Times => self.change_times(),
            Order::Submit => return self.submit(),
            Order::Quit => return Some(Action::Quit),
            Order::CursorLeft => self.write(LineEdit::left),
            Order::CursorRight => self.write(LineEdit::right),
            Order::CursorStart => self.write(LineEdit::start),
            Order::CursorEnd => self.write(LineEdit::end),
            Order::EraseBefore => self.write(LineEdit::erase_before),
            Order::EraseAt => self.write(LineEdit::erase_at),
            Order::EraseWord => self.write(LineEdit::erase_word),
            Order::EraseLine => self.write(LineEdit::erase_line),
        }
        self.clamp();
        None
    }

    fn choose(&mut self, to: Move) {
        let Snapshot {
            holds,
            sessions,
            history,
            targets,
            ..
        } = &self.snapshot;
        match self.view {
            View::Waiting => {
                let before = self.hold.id().cloned();
                self.hold.step(holds.iter().map(|v| v.id().clone()), to);
                if self.hold.id() != before.as_ref() {
                    self.scroll = 0;
                    self.unsettled_until = None;
                }
            }
            View::Sessions => self.session.step(sessions.iter().map(|s| s.id), to),
            View::History => self.entry.step(history.iter().map(|e| e.hold.clone()), to),
            View::Targets => {
                let names = targets.iter().map(|t| t.info.name.clone());
                self.target.step(names, to);
            }
        }
    }

    fn show(&mut self, view: View) {
        self.view = view;
        self.extent = Extent::Beside;
    }

    fn enlarge(&mut self) {
        self.extent = match self.extent {
            Extent::Beside if self.chosen_hold().is_some() => Extent::Whole,
            Extent::Beside | Extent::Whole => Extent::Beside,
        };
    }

    /// Opens the dialogue for the chosen hold, unless it cannot be answered or was put under the cursor just now.
    fn begin(&mut self, answer: Answer) {
        let Some(view) = self.chosen_hold().cloned() else {
            return;
        };
        if let Some(obstacle) = view.obstacle(&self.snapshot.me, self.now()) {
            return self.tell(Tone::Plain, obstacle);
        }
        if self.unsettled_until.is_some_and(|until| self.now() < until) {
            let look = "the list has just changed: look again, then press the key once more";
            return self.tell(Tone::Plain, look.to_owned());
        }
        self.toast = None;
        self.overlay = Overlay::Dialogue(Box::new(Dialogue {
            shown: view,
            answer,
            times: Times::Once,
            reason: LineEdit::default(),
            problem: None,
        }));
    }

    /// For this once, or again in its session, where policy lets approvers choose.
    fn change_times(&mut self) {
        if let Overlay::Dialogue(dialogue) = &mut self.overlay
            && dialogue.may_repeat()
        {
            dialogue.times = match dialogue.times {
                Times::Once => Times::Again,
                Times::Again => Times::Once,
            };
        }
    }

    fn open(&self) -> Option<Action> {
        let session = self.chosen_session()?;
        Some(match session.ended {
            None => Action::Watch(session.id),
            Some(_) => Action::Replay(session.id),
        })
    }

    fn begin_end(&mut self) {
        let Some(session) = self.chosen_session().cloned() else {
            return;
        };
        if session.ended.is_some() {
            return self.tell(Tone::Plain, format!("{} has ended already", session.id));
        }
        self.toast = None;
        self.overlay = Overlay::Ending(Box::new(EndDialogue {
            session,
            reason: LineEdit::default(),
        }));
    }

    fn submit(&mut self) -> Option<Action> {
        let now = self.now();
        if let Overlay::Ending(dialogue) = &self.overlay {
            let action = Action::End {
                session: dialogue.session.id,
                reason: dialogue.reason.text().trim().to_owned(),
            };
            self.overlay = Overlay::None;
            return Some(action);
        }
        let Overlay::Dialogue(dialogue) = &mut self.overlay else {
            return None;
        };
        let hold = &dialogue.shown.hold;
        if let Some(earlier) = &self.on_its_way {
            dialogue.problem = Some(format!(
                "the answer to {} is still on its way",
                earlier.hold
            ));
            return None;
        }
        if hold.requirements().reason == ReasonRule::Required && dialogue.reason.is_blank() {
            dialogue.problem = Some("this request needs a reason".to_owned());
            return None;
        }
        dialogue.problem = None;
        let id = hold.request().hold.clone();
        let action = Action::Answer {
            hold: id.clone(),
            digest: hold.digest().clone(),
            reply: Reply {
                answer: dialogue.answer,
                reason: dialogue.reason.text().trim().to_owned(),
                times: dialogue.times,
                signed: None,
            },
        };
        self.answered = Some(id.clone());
        self.on_its_way = Some(OnItsWay {
            hold: id,
            until: later(now, ANSWER_TIME),
        });
        Some(action)
    }

    /// Changes the line that is written in, where there is one.
    fn write(&mut self, edit: impl FnOnce(&mut LineEdit)) {
        match &mut self.overlay {
            Overlay::Dialogue(dialogue) => edit(&mut dialogue.reason),
            Overlay::Ending(dialogue) => edit(&mut dialogue.reason),
            Overlay::None if self.filter.editing => {
                edit(&mut self.filter.line);
                self.arrange();
            }
            Overlay::None | Overlay::Help | Overlay::Notice(_) => {}
        }
    }

    fn answered(&mut self, result: Result<String, String>) {
        let sent = self.on_its_way.take();
        let asks = |dialogue: &Dialogue| {
            let same = |it: &OnItsWay| it.hold == *dialogue.shown.id();
            sent.as_ref().is_some_and(same)
        };
        match (&mut self.overlay, result) {
            (Overlay::Dialogue(dialogue), Err(problem)) if asks(dialogue) => {
                dialogue.problem = Some(text(&problem));
                self.answered = None;
                self.compare_dialogue();
            }
            (Overlay::Dialogue(dialogue), Ok(done)) if asks(dialogue) => {
                self.overlay = Overlay::None;
                self.tell(Tone::Good, text(&done));
            }
            (_, Ok(done)) => self.tell(Tone::Good, text(&done)),
            (_, Err(problem)) => self.tell(Tone::Bad, text(&problem)),
        }
    }

    fn take(&mut self, snapshot: Snapshot) -> Option<Action> {
        let known = self.answerable_ids();
        let chosen = self.hold.id().cloned();
        self.heard = Snapshot {
            now: snapshot.now.max(self.now()),
            ..snapshot
        };
        let waits: BTreeSet<&HoldId> = self.heard.holds.iter().map(HoldView::id).collect();
        self.looked_at.retain(|id| waits.contains(id));
        let replaced = self.arrange();
        if let Some(gone) = chosen.filter(|id| self.hold.id() != Some(id)) {
            self.scroll = 0;
            self.extent = Extent::Beside;
            if self.answered.as_ref() != Some(&gone) {
                if replaced {
                    self.unsettled_until = Some(later(self.now(), SETTLING_TIME));
                }
                if !matches!(self.overlay, Overlay::Dialogue(_) | Overlay::Ending(_)) {
                    self.tell(Tone::Plain, self.ending(&gone));
                }
            }
        }
        self.compare_dialogue();
        self.clamp();
        let new = |view: &&HoldView| !known.contains(view.id());
        self.answerable()
            .find(new)
            .map(|view| Action::Bell(call(view)))
    }

    /// Closes the dialogue when what it shows is not what waits any more.
    fn compare_dialogue(&mut self) {
        let Overlay::Dialogue(dialogue) = &self.overlay else {
            return;
        };
        let shown = &dialogue.shown;
        if self.is_on_its_way(shown.id()) {
            return;
        }
        let same = |view: &&HoldView| view.id() == shown.id();
        let notice = match self.heard.holds.iter().find(same) {
            None => format!("{} meanwhile", self.ending(shown.id())),
            Some(view) if view.hold.digest() != shown.hold.digest() => {
                format!("{} is about another command now", shown.id())
            }
            Some(view) => match view.obstacle(&self.snapshot.me, self.now()) {
                Some(obstacle) => obstacle,
                None => return self.refresh_dialogue(view.clone()),
            },
        };
        self.overlay = Overlay::Notice(format!("{notice}. Your answer was not given."));
    }

    fn refresh_dialogue(&mut self, view: HoldView) {
        if let Overlay::Dialogue(dialogue) = &mut self.overlay {
            dialogue.shown = view;
        }
    }

    fn pass(&mut self, now: Timestamp) {
        let now = now.max(self.now());
        self.heard.now = now;
        self.snapshot.now = now;
        self.toast.take_if(|toast| toast.until <= now);
        self.unsettled_until.take_if(|until| *until <= now);
        if let Some(lost) = self.on_its_way.take_if(|it| it.until <= now) {
            let problem = format!("nothing was heard of the answer to {}", lost.hold);
            self.tell(Tone::Bad, problem);
        }
        self.compare_dialogue();
    }

    /// How a hold that waits no more ended, as far as the history tells.
    fn ending(&self, id: &HoldId) -> String {
        let entry = self.heard.history.iter().find(|e| e.hold == *id);
        entry.map_or_else(
            || format!("{id} does not wait any more"),
            |entry| entry.ending(),
        )
    }

    fn answerable_ids(&self) -> BTreeSet<HoldId> {
        self.answerable().map(|view| view.id().clone()).collect()
    }

    fn tell(&mut self, tone: Tone, text: String) {
        let time = match tone {
            Tone::Good | Tone::Plain => TOAST_TIME,
            Tone::Bad => PROBLEM_TIME,
        };
        let until = later(self.now(), time);
        self.toast = Some(Toast { tone, text, until });
    }

    fn clamp(&mut self) {
        self.scroll = self.scroll.min(view::scroll_limit(self));
    }
}

/// What a new request is announced with.
fn call(view: &HoldView) -> String {
    let request = view.hold.request();
    let destination = &request.command.scope.destination;
    let name = text(&request.requester.name);
    format!("{name} asks for {} on {destination}", request.action)
}

fn neighbour(view: View, by: usize) -> View {
    let at = View::ALL.iter().position(|v| *v == view).unwrap_or(0);
    View::ALL.into_iter().cycle().nth(at + by).unwrap_or(view)
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    now.saturating_add(by).unwrap_or(now)
}

#[cfg(test)]
mod tests;
