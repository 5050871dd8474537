//! What of all that was heard is shown, and in which order.

use std::cmp::Reverse;

use super::{
    Dashboard, HistoryEntry, HoldView, Snapshot, SortBy, Standing, TargetView, is_production, text,
};
use crate::domain::principal::Principal;
use crate::domain::recording::SessionSummary;

impl Dashboard {
    /// Narrows the lists to the filter and puts them in order: what I may answer first, what runs first, then as it is
    /// sorted. Says whether another hold took the place of the chosen one.
    pub(in crate::dashboard) fn arrange(&mut self) -> bool {
        let wanted = self.filter.line.text().trim().to_lowercase();
        let shown = |words: String| wanted.is_empty() || words.to_lowercase().contains(&wanted);
        let Snapshot {
            now,
            me,
            holds,
            sessions,
            history,
            targets,
        } = &self.heard;
        self.snapshot = Snapshot {
            now: *now,
            me: me.clone(),
            holds: kept(holds, |view| shown(hold_words(view))),
            sessions: kept(sessions, |session| shown(session_words(session))),
            history: kept(history, |entry| shown(entry_words(entry))),
            targets: kept(targets, |target| shown(target_words(target))),
        };
        self.order();
        let Snapshot {
            holds,
            sessions,
            history,
            targets,
            ..
        } = &self.snapshot;
        self.session.keep_newest(sessions.iter().map(|s| s.id));
        self.entry
            .keep_newest(history.iter().map(|e| e.hold.clone()));
        self.target
            .keep(targets.iter().map(|t| t.info.name.clone()));
        self.hold.keep(holds.iter().map(|view| view.id().clone()))
    }

    fn order(&mut self) {
        let sort = self.sort;
        let Snapshot {
            me,
            holds,
            sessions,
            history,
            targets,
            ..
        } = &mut self.snapshot;
        holds.sort_by_cached_key(|view| {
            let key = hold_key(sort, view);
            (
                others(view, me),
                key,
                view.hold.expires(),
                view.id().clone(),
            )
        });
        sessions.sort_by_cached_key(|s| {
            let key = match sort {
                SortBy::Time => String::new(),
                SortBy::Person => s.person.clone(),
                SortBy::Place => s.destination.to_string(),
            };
            (s.ended.is_some(), key, Reverse(s.started), s.id)
        });
        history.sort_by_cached_key(|e| {
            let key = match sort {
                SortBy::Time => String::new(),
                SortBy::Person => e.requester.to_string(),
                SortBy::Place => e.destination.to_string(),
            };
            (key, Reverse(e.at))
        });
        targets.sort_by_cached_key(|t| (!is_production(&t.info), t.info.name.clone()));
    }
}

fn kept<T: Clone>(all: &[T], keep: impl Fn(&T) -> bool) -> Vec<T> {
    all.iter().filter(|item| keep(item)).cloned().collect()
}

fn others(view: &HoldView, me: &Principal) -> bool {
    view.standing(me) != Standing::MayAnswer
}

fn hold_key(sort: SortBy, view: &HoldView) -> String {
    let request = view.hold.request();
    match sort {
        SortBy::Time => String::new(),
        SortBy::Person => request.requester.name.to_string(),
        SortBy::Place => request.command.scope.destination.to_string(),
    }
}

fn hold_words(view: &HoldView) -> String {
    let request = view.hold.request();
    format!(
        "{} {} {} {} {}",
        view.id(),
        request.requester.name,
        request.command.scope.destination,
        request.action,
        request.command.shown()
    )
}

fn session_words(session: &SessionSummary) -> String {
    let SessionSummary {
        id,
        person,
        destination,
        source,
        asked,
        ..
    } = session;
    let how = session.ended.as_ref().map_or("", |end| end.how.as_str());
    format!("{id} {person} {destination} {source} {asked} {how}")
}

fn entry_words(entry: &HistoryEntry) -> String {
    let requester = text(&entry.requester);
    format!(
        "{requester} {} {} {}",
        entry.destination,
        entry.command,
        entry.ending()
    )
}

fn target_words(target: &TargetView) -> String {
    let labels: Vec<String> = target
        .info
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    format!("{} {}", target.info.name, labels.join(" "))
}
