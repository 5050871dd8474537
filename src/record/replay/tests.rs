use std::io::Cursor;
use std::num::NonZeroU16;

use super::*;
use crate::record::asciicast::{Encoder, Header};
use crate::record::drawable;

const VIEW: (u32, u32) = (80, 25);

/// A recording that is made up event by event.
struct Script {
    file: Vec<u8>,
    encoder: Encoder,
}

impl Script {
    fn new(cols: u32, rows: u32) -> Self {
        let header = Header {
            size: TerminalSize::near(cols, rows),
            term: None,
            started: None,
            title: Some("deploy@db1".to_owned()),
            command: None,
            origin: None,
        };
        let mut file = Vec::new();
        Encoder::header(&header, &mut file).unwrap();
        Self {
            file,
            encoder: Encoder::default(),
        }
    }

    fn output(mut self, seconds: f64, text: &str) -> Self {
        let at = Duration::from_secs_f64(seconds);
        self.encoder.output(at, text, &mut self.file);
        self
    }

    fn marker(mut self, seconds: f64, text: &str) -> Self {
        let at = Duration::from_secs_f64(seconds);
        self.encoder.marker(at, text, &mut self.file);
        self
    }

    fn resize(mut self, seconds: f64, cols: u32, rows: u32) -> Self {
        let at = Duration::from_secs_f64(seconds);
        let size = TerminalSize::near(cols, rows);
        self.encoder.resize(at, size, &mut self.file);
        self
    }

    fn exit(mut self, seconds: f64) -> Self {
        let at = Duration::from_secs_f64(seconds);
        self.encoder.exit(at, 0, &mut self.file);
        self
    }

    fn watched(self, view: (u32, u32)) -> Viewer {
        self.watched_with(view, Duration::MAX, AtEnd::Stay)
    }

    fn watched_with(self, view: (u32, u32), idle: Duration, at_end: AtEnd) -> Viewer {
        let view = TerminalSize::near(view.0, view.1);
        let options = ReplayOptions { view, idle, at_end };
        let recording = Recording::new(Cursor::new(self.file)).unwrap();
        Viewer {
            player: Player::new(recording, options, Duration::ZERO).unwrap(),
            terminal: plain_terminal(view),
            now: Duration::ZERO,
            received: Vec::new(),
        }
    }
}

/// Somebody who watches a replay on a terminal of their own.
struct Viewer {
    player: Player<Cursor<Vec<u8>>>,
    terminal: vt100::Parser,
    now: Duration,
    received: Vec<u8>,
}

impl Viewer {
    /// Goes on to a time, through every step that the player asks for until then.
    fn until(&mut self, seconds: f64) -> Step {
        let end = Duration::from_secs_f64(seconds);
        for _ in 0..100_000 {
            let step = self.player.advance(self.now).unwrap();
            self.terminal.process(&step.bytes);
            self.received.extend_from_slice(&step.bytes);
            match step.next {
                Some(next) if next <= end => self.now = next,
                Some(_) | None if self.now < end && !step.done => self.now = end,
                Some(_) | None => return step,
            }
        }
        panic!("the player never rests");
    }

    fn press(&mut self, keys: &str) -> Step {
        for command in player_command(keys.as_bytes()) {
            self.player.command(command, self.now).unwrap();
        }
        self.until(self.now.as_secs_f64())
    }

    fn rows(&self) -> Vec<String> {
        let cols = self.terminal.screen().size().1.get();
        let rows = self.terminal.screen().rows(0, cols);
        rows.map(|row| row.trim_end().to_owned()).collect()
    }

    fn first_row(&self) -> String {
        self.rows()[0].clone()
    }

    fn status(&self) -> String {
        self.rows().pop().unwrap()
    }
}

fn plain_terminal(size: TerminalSize) -> vt100::Parser {
    let (rows, cols) = dimensions(size);
    vt100::Parser::new(rows, cols, 0)
}

fn dimensions(size: TerminalSize) -> (NonZeroU16, NonZeroU16) {
    let positive = |length| NonZeroU16::new(length).unwrap();
    (positive(size.rows()), positive(size.cols()))
}

/// What the viewer's terminal must show, made by rendering directly.
fn assert_shows(viewer: &Viewer, direct: &vt100::Screen) {
    let shown = viewer.terminal.screen();
    let (rows, cols) = (shown.size().0.get() - 1, shown.size().1.get());
    let skipped = (direct.cursor_position().0 + 1).saturating_sub(rows);
    let facts = |cell: &vt100::Cell| {
        let text = match cell.contents() {
            "" if !cell.is_wide_continuation() => " ".to_owned(),
            text => text.to_owned(),
        };
        let attributes = (
            cell.bold(),
            cell.dim(),
            cell.italic(),
            cell.underline(),
            cell.inverse(),
        );
        (text, cell.fgcolor(), cell.bgcolor(), attributes)
    };
    let blank = (
        " ".to_owned(),
        vt100::Color::Default,
        vt100::Color::Default,
        (false, false, false, false, false),
    );
    for row in 0..rows {
        for col in 0..cols {
            let next = direct
                .cell(row + skipped, col + 1)
                .filter(|_| col + 1 < cols);
            let whole = next.is_some_and(vt100::Cell::is_wide_continuation);
            let expected = match direct.cell(row + skipped, col) {
                Some(cell) if cell.is_wide() && !whole => blank.clone(),
                // Colours of a second half are not drawn; the first half's hold for both.
                Some(cell) if cell.is_wide_continuation() => continue,
                Some(cell) => facts(cell),
                None => blank.clone(),
            };
            let cell = shown.cell(row, col).unwrap();
            assert_eq!(facts(cell), expected, "row {row}, column {col}");
        }
    }
    let (row, col) = direct.cursor_position();
    if direct.hide_cursor() || col >= cols {
        assert!(shown.hide_cursor());
    } else {
        assert_eq!(shown.cursor_position(), (row - skipped, col));
        assert!(!shown.hide_cursor());
    }
}

/// Fails on anything but positions, renditions, clearing, cursor visibility, the alternate screen and plain text.
fn assert_harmless(bytes: &[u8]) {
    let text = std::str::from_utf8(bytes).expect("text");
    let mut codes = text.split('\u{1b}');
    assert!(codes.next().unwrap().chars().all(drawable));
    for code in codes {
        let code = code
            .strip_prefix('[')
            .unwrap_or_else(|| panic!("ESC {code:?}"));
        let end = code.find(|c: char| c.is_ascii_alphabetic()).unwrap();
        let (parameters, rest) = code.split_at(end);
        let known = match (&rest[..1], parameters) {
            ("H" | "m", parameters) => parameters.chars().all(|c| c.is_ascii_digit() || c == ';'),
            ("J", parameters) => parameters == "2",
            ("h" | "l", parameters) => ["?25", "?1049"].contains(&parameters),
            _ => false,
        };
        assert!(known, "ESC [ {code:?}");
        assert!(rest.chars().all(drawable), "{rest:?}");
    }
}

#[test]
fn a_replay_shows_what_happened_when_it_happened() {
    let mut viewer = Script::new(80, 24)
        .output(1.0, "one")
        .output(3.0, "\r\x1b[31mtwo")
        .exit(4.0)
        .watched(VIEW);
    viewer.until(0.9);
    assert_eq!(viewer.first_row(), "");
    let step = viewer.until(1.0);
    assert_eq!(viewer.first_row(), "one");
    assert_eq!(step.next, Some(Duration::from_secs(2)));
    viewer.until(3.5);
    assert_eq!(viewer.first_row(), "two");
    let cell = viewer.terminal.screen().cell(0, 0).unwrap();
    assert_eq!(cell.fgcolor(), vt100::Color::Idx(1));
    let step = viewer.until(60.0);
    assert_eq!((step.next, step.done), (None, false));
    assert!(
        viewer.status().starts_with(" end 1x 00:04/00:04"),
        "{}",
        viewer.status()
    );
}

#[test]
fn a_long_pause_is_cut_short() {
    let mut viewer = Script::new(80, 24)
        .output(1.0, "a")
        .output(3601.0, "b")
        .watched_with(VIEW, IDLE, AtEnd::Leave);
    let step = viewer.until(2.9);
    assert_eq!((viewer.first_row().as_str(), step.done), ("a", false));
    let step = viewer.until(3.0);
    assert!(step.done && step.bytes.ends_with(LEAVE));
}

#[test]
fn a_pause_stops_time_and_speed_stretches_it() {
    let script = Script::new(80, 24)
        .output(2.0, "a")
        .output(8.0, "b")
        .exit(20.0);
    let mut viewer = script.watched(VIEW);
    viewer.until(1.0);
    assert_eq!(viewer.press(" ").next, None);
    viewer.until(100.0);
    assert_eq!(viewer.first_row(), "");
    viewer.press(" ");
    viewer.until(101.0);
    assert_eq!(viewer.first_row(), "a");
    viewer.press("..");
    viewer.until(102.4);
    assert_eq!(viewer.first_row(), "a");
    viewer.until(102.5);
    assert_eq!(viewer.first_row(), "ab");
    viewer.press(",,,");
    assert!(
        viewer.status().starts_with(" play 0.5x"),
        "{}",
        viewer.status()
    );
}

#[test]
fn markers_are_found_forward_and_back() {
    let mut viewer = Script::new(80, 24)
        .output(1.0, "a")
        .marker(10.0, "$ sudo id")
        .output(10.0, "b")
        .marker(20.0, "h-7f3k9q approved")
        .output(21.0, "c")
        .exit(30.0)
        .watched((140, 25));
    viewer.press(" n");
    assert_eq!(viewer.first_row(), "ab");
    assert!(
        viewer.status().contains("00:10/00:30"),
        "{}",
        viewer.status()
    );
    assert!(
        viewer.status().contains("deploy@db1  $ sudo id"),
        "{}",
        viewer.status()
    );
    viewer.press("n");
    assert!(
        viewer.status().contains("h-7f3k9q approved"),
        "{}",
        viewer.status()
    );
    viewer.press("n");
    assert!(
        viewer.status().contains("00:20/00:30"),
        "{}",
        viewer.status()
    );
    viewer.press("p");
    assert_eq!(viewer.first_row(), "ab");
    viewer.press("p");
    assert!(
        viewer.status().contains("00:10/00:30"),
        "{}",
        viewer.status()
    );
    viewer.press("0");
    assert_eq!(viewer.first_row(), "");
    viewer.press("n n");
    assert!(
        viewer.status().contains("00:20/00:30"),
        "{}",
        viewer.status()
    );
    viewer.until(0.5);
    viewer.press("p");
    assert!(
        viewer.status().contains("00:10/00:30"),
        "{}",
        viewer.status()
    );
}

#[test]
fn quitting_gives_the_terminal_back() {
    let mut viewer = Script::new(80, 24).output(1.0, "a").watched(VIEW);
    assert!(viewer.until(0.0).bytes.starts_with(b"\x1b[?1049h"));
    let step = viewer.press("q");
    assert!(step.done && step.bytes.ends_with(LEAVE));
    assert_eq!(step.next, None);
}

#[test]
fn one_call_feeds_a_bounded_part_and_a_long_seek_arrives() {
    let mut script = Script::new(80, 24);
    for second in 0..40 {
        let text = format!("\x1b[H{second:02}{}", " ".repeat(60_000));
        script = script.output(f64::from(second), &text);
    }
    let mut viewer = script.watched((100, 25));
    viewer.until(0.0);
    for _ in 0..7 {
        viewer
            .player
            .command(PlayerCommand::SeekForward, viewer.now)
            .unwrap();
    }
    let step = viewer.player.advance(viewer.now).unwrap();
    assert_eq!(step.next, Some(viewer.now));
    viewer.terminal.process(&step.bytes);
    assert!(
        viewer.status().starts_with(" seek 1x 00:35"),
        "{}",
        viewer.status()
    );
    assert!(
        viewer.player.fed < Duration::from_secs(8),
        "{:?}",
        viewer.player.fed
    );
    viewer.until(0.0);
    assert!(
        viewer.status().starts_with(" play 1x 00:35"),
        "{}",
        viewer.status()
    );
    assert_eq!(viewer.player.fed, Duration::from_secs(35));
}

#[test]
fn nothing_hostile_in_a_recording_reaches_the_viewer() {
    let hostile = [
        "\x1b]52;c;cm0gLXJmIC8=\x07",
        "\x1b]0;title\x07\x1b]2;title\x1b\\",
        "\x1b]8;;http://evil/\x1b\\link\x1b]8;;\x1b\\",
        "\x1b[c\x1b[>c\x1b[6n\x1b[5n\x1bZ\x1b[21t\x1b[14t\x05",
        "\x1bP+q544e\x1b\\\x1bP$qm\x1b\\\x1b_Gi=1;AAAA\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\",
        "\x1b[?1000h\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[?1h\x1b=\x1b[?1049h\x1b[?5h\x1b[3 q",
        "\x1bc\x1b[!p\x1b[2;10r\x1b[?6h\x1b[20h\x1b[4h\x1b(0\x0e\x1b#8",
        "\x1b[8;500;500t\x1b[5i\x1b[4i\x1b[?1l\x1b[99999999999m",
        "\u{9b}31m\u{9d}0;x\u{9c}\u{85}\u{90}q\u{9c}",
        "a\u{202e}txt.exe\u{2066}b\u{2069}",
        "\x07\x07\x08\x00\x7f",
        "\x1b]1337;File=inline=1:AAAA\x07\x1b]777;notify;a;b\x07\x1b]4;0;?\x07\x1b]11;?\x07",
        "\x1b]0;never ended",
    ];
    let mut script = Script::new(80, 24);
    for (second, text) in (1u32..).zip(hostile) {
        script = script.output(second.into(), text);
        script = script.marker(second.into(), text);
    }
    script = script.resize(50.0, 0, 0).resize(51.0, u32::MAX, u32::MAX);
    let mut viewer = script.watched((200, 25));
    viewer.until(30.0);
    viewer.press("pp\x1b[D n");
    viewer.until(70.0);
    viewer.press("q");
    assert_harmless(&viewer.received);
    assert!(viewer.received.len() > 2000);
}

#[test]
fn a_hostile_title_is_drawn_as_plain_text() {
    let head = r#"{"version":3,"term":{"cols":80,"rows":24},"title":"a\u001b]0;x\u0007\u202eb"}"#;
    let recording = Recording::new(Cursor::new(format!("{head}\n[1,\"o\",\"x\"]\n"))).unwrap();
    let options = ReplayOptions {
        view: TerminalSize::near(120, 25),
        idle: IDLE,
        at_end: AtEnd::Stay,
    };
    let mut player = Player::new(recording, options, Duration::ZERO).unwrap();
    assert_harmless(&player.advance(Duration::ZERO).unwrap().bytes);
}

#[test]
fn a_terminal_that_is_too_small_shows_the_cursors_rows_and_says_so() {
    let lines: String = (1..=30).map(|line| format!("{line}\r\n")).collect();
    let mut viewer = Script::new(120, 40)
        .output(0.0, &lines)
        .exit(9.0)
        .watched((60, 10));
    viewer.until(5.0);
    let rows = viewer.rows();
    assert_eq!(
        &rows[..9],
        ["23", "24", "25", "26", "27", "28", "29", "30", ""]
    );
    assert!(rows[9].contains("clipped: recorded 120x40"), "{rows:?}");
}

#[test]
fn a_terminal_that_is_resized_is_drawn_anew() {
    let mut viewer = Script::new(80, 24)
        .output(0.0, "here")
        .exit(9.0)
        .watched(VIEW);
    viewer.until(1.0);
    for (cols, rows) in [(40, 12), (1, 1), (200, 60)] {
        let view = TerminalSize::near(cols, rows);
        viewer.player.resize(view);
        viewer.terminal = plain_terminal(view);
        viewer.until(2.0);
        assert!(
            viewer
                .status()
                .starts_with(if cols > 9 { " play" } else { "" })
        );
    }
    assert_eq!(viewer.first_row(), "here");
}

#[test]
fn the_status_line_looks_so() {
    let script = || {
        Script::new(80, 24)
            .marker(1.0, "$ sudo id")
            .output(2.0, "x")
            .exit(3700.0)
    };
    let shown = |cols, keys: &str| {
        let mut viewer = script().watched((cols, 25));
        viewer.until(6.0);
        viewer.press(keys);
        viewer.status()
    };
    assert_eq!(
        shown(120, ""),
        " play 1x 00:06/1:01:40  deploy@db1  $ sudo id  space pause · . , speed · ← → seek · n p marker · q quit"
    );
    assert_eq!(
        shown(80, ""),
        " play 1x 00:06/1:01:40  deploy@db1  $ sudo id  q quit"
    );
    assert_eq!(
        shown(85, " "),
        " pause 1x 00:06/1:01:40  space pause · . , speed · ← → seek · n p marker · q quit"
    );
    assert_eq!(shown(30, ".").trim_end(), " play 2x 00:06/1:01:40  clippe");
}

/// Output with everything that moves, colours, scrolls, wraps, widens and combines.
fn output() -> impl proptest::strategy::Strategy<Value = String> {
    proptest::string::string_regex(
        "([ -~]{0,9}|[é中🦀\u{301}\u{200d}✂\u{1f1e6}]|\r\n|\r|\n|\t|\u{8}|\u{1b}\\[[0-9]{0,3}(;[0-9]{1,3}){0,3}[@A-HJ-MPSTXbdfmr`]|\u{1b}\\[\\?(6|7|25|47|1049)[hl]|\u{1b}[78Mc]|\u{1b}\\[[34]8;[25](;[0-9]{1,3}){1,3}m){0,30}",
    )
    .unwrap()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]

    #[test]
    fn any_moment_is_shown_as_direct_rendering_shows_it(
        pieces in proptest::collection::vec((output(), proptest::option::of((1u32..30, 1u32..12))), 1..6),
        moves in proptest::collection::vec("[ np0]|\u{1b}\\[[CD]", 0..6),
        size in (1u32..30, 1u32..12),
        view in (1u32..34, 2u32..14),
    ) {
        let mut script = Script::new(size.0, size.1);
        for (second, (text, resize)) in (1u32..).zip(&pieces) {
            let at = f64::from(second * 3);
            script = script.output(at, text).marker(at, "m");
            if let Some((cols, rows)) = resize {
                script = script.resize(at, *cols, *rows);
            }
        }
        let mut viewer = script.watched(view);
        for (second, keys) in (1u32..).zip(&moves) {
            viewer.until(f64::from(second));
            viewer.press(keys);
            let mut direct = plain_terminal(TerminalSize::near(size.0, size.1));
            for (second, (text, resize)) in (1u32..).zip(&pieces) {
                if Duration::from_secs((second * 3).into()) <= viewer.player.position {
                    direct.process(text.as_bytes());
                    if let Some((cols, rows)) = resize {
                        let (rows, cols) = dimensions(TerminalSize::near(*cols, *rows));
                        direct.set_size(rows, cols);
                    }
                }
            }
            assert_shows(&viewer, direct.screen());
        }
        assert_harmless(&viewer.received);
    }

    #[test]
    fn arbitrary_output_draws_harmlessly(text: String, bytes: Vec<u8>, view in (1u32..40, 1u32..9)) {
        let bytes = String::from_utf8_lossy(&bytes);
        let mut viewer = Script::new(20, 6).output(0.0, &text).output(1.0, &bytes).watched(view);
        viewer.until(9.0);
        viewer.press("0q");
        assert_harmless(&viewer.received);
    }
}
