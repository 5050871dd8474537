//! Every screen at two sizes, as text; and what must stand out, by its style.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::{Color, Modifier};

use super::*;
use crate::dashboard::keymap::Key;
use crate::dashboard::model::HoldView;
use crate::dashboard::tests::{
    answered, at, dashboard, heard, may_answer, migrate, own, person, request, requirements,
    restart, simple, snapshot,
};
use crate::dashboard::update::Message;
use crate::domain::answer::Answer;
use crate::domain::command::{Layer, Reading, Script, Unknown, shows_as_itself};
use crate::domain::hold::{Answered, Hold};
use crate::domain::principal::Principal;
use crate::domain::sudo::{Companion, RunAs, SudoFacts};

const SIZES: [(u16, u16); 2] = [(80, 24), (120, 40)];

fn drawn(dashboard: &Dashboard) -> Terminal<TestBackend> {
    let backend = TestBackend::new(dashboard.columns, dashboard.rows);
    let mut terminal = Terminal::new(backend).unwrap();
    terminal.draw(|frame| draw(frame, dashboard)).unwrap();
    terminal
}

fn press(dashboard: &mut Dashboard, keys: &[Key]) {
    for key in keys {
        dashboard.update(Message::Keys(key.clone()));
    }
}

fn type_in(dashboard: &mut Dashboard, text: &str) {
    for c in text.chars() {
        dashboard.update(Message::Keys(Key::Char(c)));
    }
}

/// The screen after some messages, at both sizes.
fn screens(name: &str, mut dashboard: Dashboard, act: impl Fn(&mut Dashboard)) {
    act(&mut dashboard);
    for (columns, rows) in SIZES {
        dashboard.update(Message::Resized { columns, rows });
        let terminal = drawn(&dashboard);
        insta::assert_snapshot!(format!("{name}_{columns}x{rows}"), terminal.backend());
    }
}

fn three() -> Dashboard {
    dashboard(vec![own(), restart(), migrate()])
}

/// A command that hides things, several lines of it, already approved by one of two.
fn sneaky() -> HoldView {
    let mut text = "sudo sh -c 'echo \u{1b}[2Kharmless\u{202e}'\n".to_owned();
    for number in 0..30 {
        text.push_str(&format!(
            "step-{number} --with a-rather-long-argument --and another-one\n"
        ));
    }
    let mut request = request(0x0f0f_0f0f, &text);
    request.reading = Reading {
        elevation: ["sudo".to_owned()].into(),
        unknowns: vec![Unknown {
            reason: "longer than what is read".to_owned(),
            span: None,
        }],
        ..Reading::default()
    };
    let hold = Hold::open(request, requirements(2, 10), at(-30));
    let dave = person("dave", &["sre-leads"]);
    let Answered::Waiting(hold) = answered(hold, &dave, Answer::Approve, "looked at it") else {
        panic!("it needs two");
    };
    may_answer(*hold)
}

#[test]
fn an_empty_queue_says_so_kindly() {
    screens("waiting_empty", dashboard(vec![]), |_| {});
}

#[test]
fn what_waits_stands_beside_the_chosen_request() {
    screens("waiting", three(), |_| {});
}

#[test]
fn the_targets_tell_what_enforces_there_and_who_is_on_them() {
    screens("targets", three(), |d| {
        press(d, &[Key::Char('4'), Key::Down]);
    });
}

#[test]
fn a_filter_stands_beside_the_tabs_while_it_is_written() {
    screens("filter", three(), |d| {
        press(d, &[Key::Char('/')]);
        type_in(d, "db1");
    });
}

#[test]
fn ending_a_session_is_asked_about_first() {
    screens("end", three(), |d| {
        press(d, &[Key::Char('2'), Key::Char('x')]);
        type_in(d, "wrong database");
    });
}

#[test]
fn a_risky_request_tells_its_risks() {
    screens("risky", three(), |d| press(d, &[Key::Down]));
}

#[test]
fn ones_own_request_says_that_somebody_else_must_answer() {
    screens("own", three(), |d| press(d, &[Key::End]));
}

#[test]
fn a_long_command_is_wrapped_and_can_be_enlarged() {
    let dashboard = dashboard(vec![sneaky()]);
    screens("long", dashboard.clone(), |_| {});
    screens("long_enlarged", dashboard, |d| {
        press(d, &[Key::Enter, Key::PageDown]);
    });
}

#[test]
fn a_script_on_standard_input_is_shown_with_what_runs_it() {
    let mut request = request(0x0a0a_0a0a, "bash -s");
    let script = format!(
        "set -e\ncd /srv\u{1b}[2J\n./deploy\n{}",
        "# fill\n".repeat(3000)
    );
    request.command.script = Some(Box::new(Script::of(script.as_bytes())));
    let hold = Hold::open(request, requirements(1, 10), at(-30));
    screens("script", dashboard(vec![may_answer(hold)]), |_| {});
}

#[test]
fn a_sudo_that_asks_the_gate_tells_as_whom_it_runs_and_who_else_could_have_called_it() {
    let mut request = request(
        0x0b0b_0b0b,
        "sudo -u postgres psql -c 'drop table a'  # in /srv/app",
    );
    request.command.layer = Layer::Sudo;
    let Principal { subject, name, .. } = person("mallory", &[]);
    request.reading.sudo = Some(Box::new(SudoFacts {
        program: Some("psql".to_owned()),
        words: "psql -c 'drop table a'".to_owned(),
        folder: "/srv/app".to_owned(),
        run_as: RunAs::Named("postgres".to_owned()),
        whole: true,
        company: vec![Companion { subject, name }],
    }));
    request.reading.commands = vec![simple(&["sudo"], &["psql", "-c", "drop table a"])];
    let hold = Hold::open(request, requirements(1, 10), at(-30));
    screens("sudo", dashboard(vec![may_answer(hold)]), |_| {});
}

#[test]
fn the_dialogue_that_approves() {
    screens("approve", three(), |d| {
        press(d, &[Key::Down, Key::Char('a')]);
        type_in(d, "ok, CHG-1042");
    });
}

#[test]
fn the_dialogue_that_refuses_wants_its_reason() {
    screens("refuse", three(), |d| {
        press(d, &[Key::Char('r'), Key::Enter])
    });
}

#[test]
fn the_dialogue_of_a_command_that_does_not_fit_sends_back_to_the_request() {
    screens("approve_long", dashboard(vec![sneaky()]), |d| {
        press(d, &[Key::Char('a')]);
    });
}

#[test]
fn a_hold_that_ends_under_the_dialogue_leaves_a_notice() {
    screens("notice", three(), |d| {
        press(d, &[Key::Char('a')]);
        let mut later = snapshot(vec![own(), restart()]);
        later.history[0].hold = migrate().id().clone();
        d.update(heard(later));
    });
}

#[test]
fn the_sessions() {
    screens("sessions", three(), |d| {
        press(d, &[Key::Char('2'), Key::Down])
    });
}

#[test]
fn the_history() {
    screens("history", three(), |d| {
        press(d, &[Key::Char('3'), Key::Down])
    });
}

#[test]
fn empty_tables_say_what_will_be_there() {
    let mut nothing = snapshot(vec![]);
    nothing.sessions.clear();
    nothing.history.clear();
    let mut dashboard = Dashboard::new(nothing, 80, 24);
    press(&mut dashboard, &[Key::Tab]);
    insta::assert_snapshot!("sessions_empty", drawn(&dashboard).backend());
    press(&mut dashboard, &[Key::Tab]);
    insta::assert_snapshot!("history_empty", drawn(&dashboard).backend());
}

#[test]
fn the_help() {
    screens("help", three(), |d| press(d, &[Key::Char('?')]));
}

#[test]
fn messages_pass_over_the_view() {
    screens("toast", three(), |d| {
        let done = "approved h-0q6ynr; bob@example.com's command runs now";
        d.update(Message::Answered(Ok(done.to_owned())));
    });
}

#[test]
fn a_window_that_is_too_small_says_what_it_needs() {
    let mut dashboard = three();
    for (columns, rows) in [(20, 5), (1, 1), (59, 40), (200, 3)] {
        dashboard.update(Message::Resized { columns, rows });
        drawn(&dashboard);
    }
    dashboard.update(Message::Resized {
        columns: 20,
        rows: 5,
    });
    insta::assert_snapshot!(drawn(&dashboard).backend());
}

#[test]
fn every_window_from_the_smallest_on_can_be_drawn_in_every_view() {
    for (columns, rows) in [(60, 16), (61, 30), (99, 27), (100, 28), (300, 90)] {
        for key in "123?ar".chars() {
            let mut dashboard = dashboard(vec![sneaky(), own(), restart(), migrate()]);
            dashboard.update(Message::Resized { columns, rows });
            press(&mut dashboard, &[Key::Char(key), Key::PageDown]);
            drawn(&dashboard);
        }
    }
}

fn style_of(buffer: &Buffer, words: &str) -> Style {
    for y in buffer.area.rows() {
        let cells: Vec<_> = y.positions().map(|at| &buffer[at]).collect();
        let row: String = cells.iter().map(|cell| cell.symbol()).collect();
        if let Some(at) = row.find(words) {
            let column = row[..at].chars().count();
            return cells[column].style();
        }
    }
    panic!("`{words}` is not on the screen");
}

#[test]
fn risks_stand_out_by_colour_and_weight() {
    let mut dashboard = three();
    press(&mut dashboard, &[Key::Down, Key::Enter]);
    let terminal = drawn(&dashboard);
    let buffer = terminal.backend().buffer();
    for (words, colour) in [
        ("sudo systemctl", Color::Red),
        ("another user's rights", Color::Red),
        ("$(hostname)", Color::Magenta),
        ("not understood", Color::Magenta),
        ("vim", Color::Yellow),
        ("can start a shell", Color::Yellow),
        (" PRODUCTION ", Color::Red),
    ] {
        let style = style_of(buffer, words);
        assert_eq!(style.fg, Some(colour), "{words}");
        assert!(style.add_modifier.contains(Modifier::BOLD), "{words}");
    }
}

#[test]
fn the_last_minute_is_red() {
    let mut dashboard = three();
    assert_eq!(
        style_of(drawn(&dashboard).backend().buffer(), "00:48").fg,
        Some(Color::Red)
    );
    dashboard.update(heard(snapshot(vec![restart()])));
    let style = style_of(drawn(&dashboard).backend().buffer(), "09:20");
    assert_ne!(style.fg, Some(Color::Red));
}

#[test]
fn nothing_from_outside_reaches_the_terminal_as_a_control_character() {
    let mut bad = snapshot(vec![sneaky()]);
    let nasty = "x\u{1b}]0;owned\u{7}\u{202e}\r\ny".to_owned();
    bad.sessions[0].person = nasty.clone();
    bad.sessions[1].asked = nasty.clone();
    bad.sessions[2].source = nasty.clone();
    bad.history[0].command = nasty.clone();
    let mut dashboard = Dashboard::new(bad, 120, 40);
    for key in "1a\u{1b}23".chars() {
        let key = if key == '\u{1b}' {
            Key::Escape
        } else {
            Key::Char(key)
        };
        press(&mut dashboard, &[key, Key::Down]);
        dashboard.update(Message::Answered(Err(nasty.clone())));
        let terminal = drawn(&dashboard);
        for cell in &terminal.backend().buffer().content {
            assert!(
                cell.symbol().chars().all(shows_as_itself),
                "{:?}",
                cell.symbol()
            );
        }
    }
}

#[test]
fn the_footer_offers_only_what_can_be_done_now() {
    let text = |dashboard: &Dashboard| footer(dashboard, 80).to_string();
    let mut dashboard = three();
    assert!(text(&dashboard).contains("a approve"));
    press(&mut dashboard, &[Key::End]);
    assert!(!text(&dashboard).contains("approve"), "it is one's own");
    let lonely = Dashboard::new(snapshot(vec![]), 80, 24);
    assert_eq!(text(&lonely).trim(), "? help  q quit");
}

#[test]
fn a_command_can_be_scrolled_to_its_very_last_line() {
    let mut dashboard = dashboard(vec![sneaky()]);
    assert!(scroll_limit(&dashboard) > 30);
    for _ in 0..200 {
        press(&mut dashboard, &[Key::Char(' ')]);
    }
    assert_eq!(dashboard.scroll, scroll_limit(&dashboard));
    let screen = drawn(&dashboard).backend().to_string();
    assert!(screen.contains("could not map shared memory") || screen.contains("FATAL"));
    assert!(!screen.contains("more line"));
}

#[test]
fn a_long_word_taken_off_a_full_line_leaves_room_for_what_follows() {
    let text = "0A0 !\u{301}a\u{301}!\u{301}\u{301}".to_owned();
    let lines = flow::lines(&[(text, theme::plain())], 28);
    let shown: Vec<String> = lines.iter().map(Line::to_string).collect();
    let word = r"!\u{301}a\u{301}!\u{301}";
    assert_eq!(shown, ["0A0 ", word, r"\u{301}"]);
}

proptest::proptest! {
    #[test]
    fn wrapping_loses_no_character(text in "[ -~é日\\n\u{301}]{0,300}", width in 20u16..60) {
        let pieces = [(text.clone(), theme::plain())];
        let lines = flow::lines(&pieces, width);
        let spelled = |c: char| match c {
            '\n' => "^J".to_owned(),
            '\u{301}' => "\\u{301}".to_owned(),
            plain => plain.to_string(),
        };
        let expected: String = text.chars().map(spelled).collect();
        let joined: String = lines.iter().map(Line::to_string).collect();
        proptest::prop_assert_eq!(joined, expected);
        for line in &lines {
            proptest::prop_assert!(line.width() <= usize::from(width));
        }
    }
}
