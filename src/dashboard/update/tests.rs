//! The stories of an approver.

use super::*;
use crate::dashboard::model::HistoryEntry;
use crate::dashboard::tests::{
    answered as given, at, carol, dashboard, heard, may_answer, migrate, own, person, request,
    requirements, resolved, restart, snapshot,
};
use crate::domain::action::Requirements;
use crate::domain::answer::Times;
use crate::domain::command::Layer;
use crate::domain::hold::{Answered, Hold, REASON_CHARS};

fn three() -> Dashboard {
    dashboard(vec![own(), restart(), migrate()])
}

/// What a key asks for, beside telling that somebody looks.
fn press(dashboard: &mut Dashboard, key: Key) -> Vec<Action> {
    let mut actions = dashboard.update(Message::Keys(key));
    actions.retain(|action| !matches!(action, Action::Seen(_)));
    actions
}

fn type_in(dashboard: &mut Dashboard, text: &str) -> Vec<Action> {
    text.chars()
        .flat_map(|c| dashboard.update(Message::Keys(Key::Char(c))))
        .collect()
}

fn chosen(dashboard: &Dashboard) -> &HoldId {
    dashboard.chosen_hold().unwrap().id()
}

fn toast(dashboard: &Dashboard) -> &str {
    dashboard.toast.as_ref().map_or("", |toast| &toast.text)
}

fn notice(dashboard: &Dashboard) -> &str {
    match &dashboard.overlay {
        Overlay::Notice(notice) => notice,
        other => panic!("no notice but {other:?}"),
    }
}

fn problem(dashboard: &Dashboard) -> &str {
    match &dashboard.overlay {
        Overlay::Dialogue(dialogue) => dialogue.problem.as_deref().unwrap_or(""),
        other => panic!("no dialogue but {other:?}"),
    }
}

/// Time goes by, far enough for keys that were on their way.
fn settle(dashboard: &mut Dashboard) {
    let now = dashboard.now();
    dashboard.update(Message::Tick(later(now, SETTLING_TIME)));
}

#[test]
fn what_i_may_answer_comes_first_and_then_what_expires_first() {
    let ids: Vec<HoldId> = three()
        .snapshot
        .holds
        .iter()
        .map(|v| v.id().clone())
        .collect();
    let expected = [migrate(), restart(), own()].map(|view| view.id().clone());
    assert_eq!(ids, expected);
}

#[test]
fn an_answer_carries_the_hold_and_digest_that_were_shown() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Down);
    press(&mut dashboard, Key::Char('a'));
    assert_eq!(type_in(&mut dashboard, " ok, CHG-1042"), []);
    let expected = Action::Answer {
        hold: restart().id().clone(),
        digest: restart().hold.digest().clone(),
        reply: Reply::once(Answer::Approve, "ok, CHG-1042"),
    };
    assert_eq!(press(&mut dashboard, Key::Enter), [expected]);
}

#[test]
fn an_approval_for_more_than_once_is_given_only_where_policy_lets_it() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Down);
    press(&mut dashboard, Key::Char('a'));
    press(&mut dashboard, Key::Tab);
    let times = |actions: Vec<Action>| match actions.as_slice() {
        [Action::Answer { reply, .. }] => reply.times,
        other => panic!("{other:?}"),
    };
    assert_eq!(times(press(&mut dashboard, Key::Enter)), Times::Once);

    let rule = Requirements {
        again_for: Some(Duration::from_secs(900)),
        ..requirements(1, 10)
    };
    let mut line = request(9, "id");
    line.command.layer = Layer::Line;
    let hold = Hold::open(line, rule, at(0));
    let mut dashboard = Dashboard::new(snapshot(vec![may_answer(hold)]), 80, 24);
    for (tabs, expected) in [(0, Times::Once), (1, Times::Again), (2, Times::Once)] {
        let mut dashboard = dashboard.clone();
        press(&mut dashboard, Key::Char('a'));
        for _ in 0..tabs {
            press(&mut dashboard, Key::Tab);
        }
        assert_eq!(times(press(&mut dashboard, Key::Enter)), expected);
    }
    press(&mut dashboard, Key::Char('r'));
    press(&mut dashboard, Key::Tab);
    assert_eq!(times(press(&mut dashboard, Key::Enter)), Times::Once);
}

#[test]
fn a_refusal_is_an_answer_too() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('r'));
    dashboard.update(Message::Keys(Key::Paste("not\nnow".to_owned())));
    let actions = press(&mut dashboard, Key::Enter);
    let [Action::Answer { reply, .. }] = actions.as_slice() else {
        panic!("{actions:?}");
    };
    assert_eq!(*reply, Reply::once(Answer::Refuse, "not now"));
}

#[test]
fn a_required_reason_is_asked_for_before_anything_is_sent() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "  ");
    assert_eq!(press(&mut dashboard, Key::Enter), []);
    assert_eq!(problem(&dashboard), "this request needs a reason");
    type_in(&mut dashboard, "ok");
    assert_eq!(press(&mut dashboard, Key::Enter).len(), 1);
}

#[test]
fn enter_again_does_not_answer_twice() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "ok");
    assert_eq!(press(&mut dashboard, Key::Enter).len(), 1);
    assert_eq!(press(&mut dashboard, Key::Enter), []);
    press(&mut dashboard, Key::Escape);
    press(&mut dashboard, Key::Down);
    press(&mut dashboard, Key::Char('a'));
    assert_eq!(press(&mut dashboard, Key::Enter), []);
    assert!(problem(&dashboard).contains("still on its way"));
}

#[test]
fn leaving_the_dialogue_answers_nothing() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "qqq");
    assert_eq!(press(&mut dashboard, Key::Escape), []);
    assert_eq!(dashboard.place(), keymap::Place::Waiting);
    assert_eq!(press(&mut dashboard, Key::Char('a')), []);
    assert!(matches!(&dashboard.overlay, Overlay::Dialogue(d) if d.reason.is_blank()));
}

#[test]
fn nobody_begins_to_answer_their_own_request_or_one_of_others() {
    let mut dashboard = three();
    press(&mut dashboard, Key::End);
    press(&mut dashboard, Key::Char('a'));
    assert!(toast(&dashboard).contains("yours: somebody else must answer"));
    let mut others = restart();
    others.may_answer = false;
    let mut dashboard = crate::dashboard::tests::dashboard(vec![others]);
    press(&mut dashboard, Key::Char('r'));
    assert!(toast(&dashboard).contains("is for sre-leads to answer"));
    assert_eq!(dashboard.place(), keymap::Place::Waiting);
}

#[test]
fn whoever_approved_already_waits_for_somebody_else() {
    let Answered::Waiting(hold) =
        given(Hold::clone(&restart().hold), &carol(), Answer::Approve, "")
    else {
        panic!("it needs two");
    };
    let mut dashboard = dashboard(vec![may_answer(*hold)]);
    press(&mut dashboard, Key::Char('a'));
    assert!(toast(&dashboard).contains("needs somebody else too"));
}

#[test]
fn an_expired_hold_is_not_answered() {
    let mut dashboard = three();
    dashboard.update(Message::Tick(at(50)));
    press(&mut dashboard, Key::Char('a'));
    assert!(toast(&dashboard).contains("has expired"));
}

#[test]
fn a_hold_that_ends_under_its_dialogue_closes_it_and_tells_how() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "looks goo");
    let dave = person("dave", &[]);
    let mut later = snapshot(vec![own(), restart()]);
    later.history = vec![HistoryEntry::from(&resolved(
        migrate(),
        &dave,
        Answer::Approve,
        "ok",
    ))];
    dashboard.update(heard(later));
    let expected = format!(
        "{} was approved by dave@example.com meanwhile. Your answer was not given.",
        migrate().id()
    );
    assert_eq!(notice(&dashboard), expected);
}

#[test]
fn what_is_typed_when_the_dialogue_closes_by_itself_does_nothing() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    dashboard.update(heard(snapshot(vec![own(), restart()])));
    assert_eq!(type_in(&mut dashboard, "a quick reason r 2"), []);
    assert_eq!(press(&mut dashboard, Key::Enter), []);
    assert_eq!(dashboard.place(), keymap::Place::Waiting);
    assert_eq!(dashboard.view, View::Waiting);
}

#[test]
fn a_hold_that_expires_under_its_dialogue_closes_it() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    dashboard.update(Message::Tick(at(47)));
    assert_eq!(dashboard.place(), keymap::Place::Dialogue);
    dashboard.update(Message::Tick(at(48)));
    assert!(notice(&dashboard).contains("has expired"));
}

#[test]
fn another_command_under_the_same_name_is_not_answered() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    let mut changed = migrate();
    let mut asked = changed.hold.request().clone();
    asked.command.bytes.extend(b"; rm -rf /");
    changed.hold = Hold::open(asked, requirements(1, 5), at(-100)).into();
    dashboard.update(heard(snapshot(vec![changed, restart()])));
    assert!(notice(&dashboard).contains("is about another command now"));
}

#[test]
fn a_dialogue_stays_open_when_only_somebody_else_approved() {
    let mut dashboard = dashboard(vec![restart()]);
    press(&mut dashboard, Key::Char('a'));
    let dave = person("dave", &[]);
    let Answered::Waiting(hold) = given(Hold::clone(&restart().hold), &dave, Answer::Approve, "")
    else {
        panic!("it needs two");
    };
    dashboard.update(heard(snapshot(vec![may_answer(*hold)])));
    assert!(
        matches!(&dashboard.overlay, Overlay::Dialogue(d) if d.shown.hold.approvals().len() == 1)
    );
}

#[test]
fn losing_the_right_to_answer_closes_the_dialogue() {
    let mut dashboard = dashboard(vec![restart()]);
    press(&mut dashboard, Key::Char('a'));
    let mut others = restart();
    others.may_answer = false;
    dashboard.update(heard(snapshot(vec![others])));
    assert!(notice(&dashboard).contains("is for sre-leads to answer"));
}

#[test]
fn the_choice_stays_at_its_hold_when_the_list_changes() {
    let mut dashboard = dashboard(vec![restart()]);
    dashboard.update(heard(snapshot(vec![own(), restart(), migrate()])));
    assert_eq!(chosen(&dashboard), restart().id());
}

#[test]
fn a_key_that_was_on_its_way_when_the_list_moved_begins_no_answer() {
    let mut dashboard = three();
    dashboard.update(heard(snapshot(vec![own(), restart()])));
    assert_eq!(chosen(&dashboard), restart().id());
    press(&mut dashboard, Key::Char('a'));
    assert_eq!(dashboard.place(), keymap::Place::Waiting);
    assert!(toast(&dashboard).contains("look again"));
    settle(&mut dashboard);
    press(&mut dashboard, Key::Char('a'));
    assert_eq!(dashboard.place(), keymap::Place::Dialogue);
}

#[test]
fn after_my_own_answer_the_next_can_be_answered_at_once() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "ok");
    press(&mut dashboard, Key::Enter);
    dashboard.update(heard(snapshot(vec![own(), restart()])));
    assert_eq!(
        dashboard.place(),
        keymap::Place::Dialogue,
        "it waits for its answer"
    );
    dashboard.update(Message::Answered(Ok("approved".to_owned())));
    assert_eq!(toast(&dashboard), "approved");
    press(&mut dashboard, Key::Char('a'));
    assert_eq!(dashboard.place(), keymap::Place::Dialogue);
}

#[test]
fn an_answer_that_was_not_taken_keeps_the_reason_and_says_why() {
    let mut dashboard = dashboard(vec![restart()]);
    press(&mut dashboard, Key::Char('a'));
    type_in(&mut dashboard, "ok");
    press(&mut dashboard, Key::Enter);
    dashboard.update(Message::Answered(Err("the store\u{1b} is away".to_owned())));
    assert_eq!(problem(&dashboard), "the store^[ is away");
    assert!(matches!(&dashboard.overlay, Overlay::Dialogue(d) if d.reason.text() == "ok"));
    assert_eq!(press(&mut dashboard, Key::Enter).len(), 1);
}

#[test]
fn a_requester_learns_once_that_somebody_at_the_keys_looks_at_their_request() {
    let mut dashboard = three();
    let seen = |actions: Vec<Action>| {
        let ids = actions.into_iter().map(|action| match action {
            Action::Seen(id) => id,
            other => panic!("{other:?}"),
        });
        ids.collect::<Vec<_>>()
    };
    let key = |dashboard: &mut Dashboard, key| seen(dashboard.update(Message::Keys(key)));
    let (first, second) = (migrate().id().clone(), restart().id().clone());
    assert_eq!(seen(dashboard.update(Message::Tick(at(1)))), []);
    assert_eq!(key(&mut dashboard, Key::Home), [first]);
    assert_eq!(key(&mut dashboard, Key::Down), [second]);
    assert_eq!(key(&mut dashboard, Key::Up), []);
    assert_eq!(key(&mut dashboard, Key::End), [], "it is one's own");
    assert_eq!(key(&mut dashboard, Key::Char('2')), []);
}

#[test]
fn an_answer_of_which_nothing_is_heard_is_given_up() {
    let mut dashboard = dashboard(vec![restart()]);
    press(&mut dashboard, Key::Char('a'));
    press(&mut dashboard, Key::Enter);
    dashboard.update(Message::Tick(later(at(0), ANSWER_TIME)));
    assert!(toast(&dashboard).contains("nothing was heard"));
    assert_eq!(press(&mut dashboard, Key::Enter).len(), 1);
}

#[test]
fn the_bell_rings_once_for_what_i_may_answer_and_for_nothing_else() {
    let mut dashboard = dashboard(vec![]);
    let mut see = |holds| dashboard.update(heard(snapshot(holds)));
    assert_eq!(see(vec![own()]), []);
    let rung = see(vec![own(), restart(), migrate()]);
    let [Action::Bell(words)] = rung.as_slice() else {
        panic!("one bell: {rung:?}")
    };
    assert!(words.contains("example.com asks for"), "{words}");
    assert_eq!(see(vec![own(), restart(), migrate()]), []);
    let mut others = may_answer(Hold::open(request(9, "id"), requirements(1, 5), at(0)));
    others.may_answer = false;
    assert_eq!(see(vec![restart(), others]), []);
}

#[test]
fn messages_go_by_themselves() {
    let mut dashboard = three();
    dashboard.update(Message::Answered(Err("no".to_owned())));
    dashboard.update(Message::Tick(later(at(0), TOAST_TIME)));
    assert_eq!(toast(&dashboard), "no");
    dashboard.update(Message::Tick(later(at(0), PROBLEM_TIME)));
    assert_eq!(toast(&dashboard), "");
}

#[test]
fn time_never_runs_backwards() {
    let mut dashboard = three();
    dashboard.update(Message::Tick(at(30)));
    dashboard.update(heard(snapshot(vec![restart()])));
    assert_eq!(dashboard.now(), at(30));
}

#[test]
fn the_views_are_reached_by_number_and_by_tab() {
    let mut dashboard = three();
    for (key, view) in [
        (Key::Char('3'), View::History),
        (Key::Tab, View::Targets),
        (Key::Tab, View::Waiting),
        (Key::BackTab, View::Targets),
        (Key::Char('4'), View::Targets),
        (Key::Char('2'), View::Sessions),
        (Key::Char('1'), View::Waiting),
    ] {
        press(&mut dashboard, key);
        assert_eq!(dashboard.view, view);
    }
}

#[test]
fn a_chosen_session_that_runs_is_watched_and_one_that_ended_is_replayed() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('2'));
    let running = dashboard.chosen_session().unwrap().id;
    let enter = press(&mut dashboard, Key::Enter);
    assert_eq!(enter, [Action::Watch(running)]);
    press(&mut dashboard, Key::End);
    let ended = dashboard.chosen_session().unwrap().id;
    let enter = press(&mut dashboard, Key::Enter);
    assert_eq!(enter, [Action::Replay(ended)]);
}

#[test]
fn a_running_session_is_ended_with_the_reason_that_was_written() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('2'));
    let session = dashboard.chosen_session().unwrap().id;
    press(&mut dashboard, Key::Char('x'));
    for c in "quit now".chars() {
        assert_eq!(press(&mut dashboard, Key::Char(c)), []);
    }
    let reason = "quit now".to_owned();
    let ended = press(&mut dashboard, Key::Enter);
    assert_eq!(ended, [Action::End { session, reason }]);
    press(&mut dashboard, Key::Char('x'));
    assert_eq!(press(&mut dashboard, Key::Escape), []);
    press(&mut dashboard, Key::End);
    press(&mut dashboard, Key::Char('x'));
    assert!(toast(&dashboard).contains("has ended already"));
    assert_eq!(press(&mut dashboard, Key::Enter).len(), 1, "it is replayed");
}

#[test]
fn a_filter_narrows_every_list_and_hides_no_new_request_from_the_bell() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('/'));
    for c in "BOB@".chars() {
        press(&mut dashboard, Key::Char(c));
    }
    let shown: Vec<_> = dashboard
        .snapshot
        .holds
        .iter()
        .map(|v| v.id().clone())
        .collect();
    assert_eq!(shown, [migrate().id().clone()]);
    assert!(
        dashboard
            .snapshot
            .sessions
            .iter()
            .all(|s| s.person.starts_with("bob"))
    );
    assert_eq!(press(&mut dashboard, Key::Enter), [], "the filter is kept");
    assert_eq!(dashboard.answerable().count(), 2);
    let new = may_answer(Hold::open(request(77, "id"), requirements(1, 5), at(0)));
    let holds = vec![own(), restart(), migrate(), new];
    let rung = dashboard.update(heard(snapshot(holds)));
    assert!(matches!(rung.as_slice(), [Action::Bell(_)]), "{rung:?}");
    assert_eq!(dashboard.snapshot.holds.len(), 1);
    press(&mut dashboard, Key::Escape);
    assert_eq!(dashboard.snapshot.holds.len(), 4);
}

#[test]
fn lists_are_sorted_by_time_person_and_place_in_turn() {
    let mut dashboard = three();
    press(&mut dashboard, Key::Char('2'));
    let people = |d: &Dashboard| -> Vec<String> {
        let running = d.snapshot.sessions.iter().filter(|s| s.ended.is_none());
        running.map(|s| s.person.clone()).collect()
    };
    assert_eq!(people(&dashboard), ["bob@example.com", "alice@example.com"]);
    press(&mut dashboard, Key::Char('s'));
    assert_eq!(people(&dashboard), ["alice@example.com", "bob@example.com"]);
    press(&mut dashboard, Key::Char('s'));
    assert_eq!(
        people(&dashboard),
        ["bob@example.com", "alice@example.com"],
        "app7, db1"
    );
    press(&mut dashboard, Key::Char('s'));
    assert!(toast(&dashboard).contains("by time"));
}

#[test]
fn the_help_is_left_by_any_way_out_without_leaving_the_dashboard() {
    let mut dashboard = three();
    for key in [Key::Char('?'), Key::Escape, Key::Char('q'), Key::Enter] {
        press(&mut dashboard, Key::Char('?'));
        assert_eq!(press(&mut dashboard, key), []);
        assert_eq!(dashboard.place(), keymap::Place::Waiting);
    }
    assert_eq!(press(&mut dashboard, Key::Char('q')), [Action::Quit]);
    assert_eq!(press(&mut dashboard, Key::Ctrl('c')), [Action::Quit]);
}

proptest::proptest! {
    #[test]
    fn whatever_is_typed_an_answer_names_what_is_shown(bytes: Vec<u8>) {
        let mut decoder = keymap::KeyDecoder::new();
        let mut dashboard = three();
        for key in decoder.feed(&bytes).into_iter().chain("1ak\r".chars().map(Key::Char)) {
            let shown = match &dashboard.overlay {
                Overlay::Dialogue(dialogue) => Some(dialogue.shown.hold.digest().clone()),
                Overlay::None | Overlay::Help | Overlay::Ending(_) | Overlay::Notice(_) => None,
            };
            for action in dashboard.update(Message::Keys(key)) {
                if let Action::Answer { digest, reply, .. } = action {
                    proptest::prop_assert_eq!(Some(digest), shown.clone());
                    proptest::prop_assert!(reply.reason.chars().count() <= REASON_CHARS);
                }
            }
        }
    }
}
