//! What a real terminal shows after the bytes, by an emulator.

use super::*;
use crate::dashboard::keymap::Key;
use crate::dashboard::tests::{at, dashboard, migrate, restart};
use crate::dashboard::update::Message;

fn shows(bytes: &[u8]) -> vt100::Parser {
    let mut parser = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 0);
    parser.process(bytes);
    parser
}

#[test]
fn the_first_drawing_fills_the_alternate_screen() {
    let mut screen = Screen::new(80, 24).unwrap();
    let mut bytes = screen.enter().unwrap();
    bytes.extend(screen.draw(&dashboard(vec![restart()])).unwrap());
    let parser = shows(&bytes);
    assert!(parser.screen().alternate_screen());
    assert!(parser.screen().bracketed_paste());
    assert!(parser.screen().hide_cursor());
    assert!(parser.screen().contents().contains("countersign"));
}

#[test]
fn a_later_drawing_sends_only_what_changed() {
    let mut screen = Screen::new(80, 24).unwrap();
    let mut dashboard = dashboard(vec![restart()]);
    let whole = screen.draw(&dashboard).unwrap();
    dashboard.update(Message::Tick(at(1)));
    let change = screen.draw(&dashboard).unwrap();
    assert!(
        change.len() * 10 < whole.len(),
        "{} of {}",
        change.len(),
        whole.len()
    );
    let mut parser = shows(&whole);
    parser.process(&change);
    assert!(parser.screen().contents().contains("12:00:01 UTC"));
}

#[test]
fn the_cursor_is_shown_only_where_one_writes() {
    let mut screen = Screen::new(80, 24).unwrap();
    let mut dashboard = dashboard(vec![migrate()]);
    let mut bytes = screen.draw(&dashboard).unwrap();
    dashboard.update(Message::Keys(Key::Char('a')));
    bytes.extend(screen.draw(&dashboard).unwrap());
    let mut parser = shows(&bytes);
    assert!(!parser.screen().hide_cursor());
    dashboard.update(Message::Keys(Key::Escape));
    parser.process(&screen.draw(&dashboard).unwrap());
    assert!(parser.screen().hide_cursor());
}

#[test]
fn another_size_is_drawn_whole() {
    let mut screen = Screen::new(120, 40).unwrap();
    let mut dashboard = dashboard(vec![restart()]);
    let mut parser = shows(&screen.draw(&dashboard).unwrap());
    dashboard.update(Message::Resized {
        columns: 80,
        rows: 24,
    });
    screen.resize(80, 24).unwrap();
    let bytes = screen.draw(&dashboard).unwrap();
    parser.process(&bytes);
    assert_eq!(
        parser.screen().contents(),
        shows(&bytes).screen().contents()
    );
    assert!(parser.screen().contents().contains("12:00:00 UTC"));
}

#[test]
fn leaving_gives_the_terminal_back() {
    let mut screen = Screen::new(80, 24).unwrap();
    let mut bytes = b"before".to_vec();
    bytes.extend(screen.enter().unwrap());
    bytes.extend(screen.draw(&dashboard(vec![])).unwrap());
    bytes.extend(screen.leave().unwrap());
    let parser = shows(&bytes);
    assert_eq!(parser.screen().contents().trim(), "before");
    assert!(!parser.screen().hide_cursor());
    assert!(!parser.screen().bracketed_paste());
}

#[test]
fn a_size_that_nobody_has_is_not_believed() {
    let mut screen = Screen::new(u16::MAX, u16::MAX).unwrap();
    screen.resize(0, 0).unwrap();
    assert!(screen.draw(&dashboard(vec![])).is_ok());
}
