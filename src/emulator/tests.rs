use proptest::prelude::*;

use super::*;

const AMPLE: usize = usize::MAX;

/// Counts the rows that leave the screen and what its program says to the terminal.
#[derive(Debug, Default)]
struct Told {
    rows: usize,
    title: Vec<u8>,
}

impl Callbacks for Told {
    fn on_scroll(&mut self, _: vt100::capture::RowContents<'_>, _: bool) {
        self.rows += 1;
    }

    fn set_window_title(&mut self, _: &mut Screen, title: &[u8]) {
        self.title.extend_from_slice(title);
    }
}

fn size(rows: u16, columns: u16) -> (NonZeroU16, NonZeroU16) {
    let nonzero = |length| NonZeroU16::new(length).unwrap();
    (nonzero(rows), nonzero(columns))
}

fn terminal(rows: u16, columns: u16) -> Emulator<Told> {
    let (rows, columns) = size(rows, columns);
    Emulator::new(rows, columns, Told::default())
}

/// Feeds everything, with so much room a call, and gives the number of calls.
fn feed_all(emulator: &mut Emulator<Told>, bytes: impl AsRef<[u8]>, room: usize) -> usize {
    let (mut left, mut calls) = (bytes.as_ref(), 0);
    while !left.is_empty() {
        left = emulator.feed(left, room).rest;
        calls += 1;
    }
    calls
}

fn cost(bytes: &str) -> usize {
    let mut emulator = terminal(60, 200);
    let fed = emulator.feed(bytes.as_bytes(), AMPLE);
    assert!(fed.rest.is_empty());
    fed.cost - bytes.len()
}

#[test]
fn a_character_widened_at_the_screens_last_place_breaks_nothing() {
    let widened = "\x1b[24;80H☀\u{fe0f}\x1b[23;80Ha".as_bytes();
    for piece in 1..widened.len() {
        let mut emulator = terminal(24, 80);
        for bytes in widened.chunks(piece) {
            feed_all(&mut emulator, bytes, AMPLE);
        }
        assert_eq!(emulator.screen().cell(23, 79).unwrap().contents(), "☀");
        assert_eq!(emulator.screen().cell(22, 79).unwrap().contents(), "a");
    }
}

#[test]
fn text_costs_its_bytes_and_repetitions_what_they_draw() {
    assert_eq!(
        cost(&"0b 1b é漢\r\n\x1b[31mtwo\x1b]0;9999b\u{7}\x1b(c".repeat(100)),
        0
    );
    assert_eq!(cost("x\x1b[b\x1b[0b"), 2);
    assert_eq!(cost("x\x1b[65535b\x1b[99999999999;3b"), 2 * 65_535);
    assert_eq!(cost("x\x1b[60\u{7}000b"), 60_000);
    assert_eq!(cost("x\x1b[60\x18000b"), 0);
}

#[test]
fn clearing_costs_what_it_clears() {
    let screen = 60 * 200 / CLEARED_AS_ONE;
    assert_eq!(cost("\x1b[J\x1b[?2J"), 2 * screen);
    assert_eq!(cost("\x1bc\x1b\x1bc"), 2 * screen * RESET);
    assert_eq!(cost("\x1b[?1049;25;01049h\x1b[?1049l"), 2 * screen);
    assert_eq!(cost("\x1b[999L\x1b[999M\x1b[999S\x1b[999T"), 4 * screen);
    assert_eq!(cost("\x1b[32S"), 32 * 200 / CLEARED_AS_ONE);
}

#[test]
fn a_change_of_size_costs_the_cells_that_it_adds() {
    let mut emulator = terminal(24, 80);
    let (rows, columns) = size(24, 81);
    assert_eq!(
        emulator.resize(rows, columns),
        24 + 24 * RESET / CLEARED_AS_ONE
    );
    let (rows, columns) = size(500, 1000);
    assert!(emulator.resize(rows, columns) > 60_000);
    assert_eq!(emulator.screen().size(), (rows, columns));
}

#[test]
fn one_call_draws_no_more_than_its_room_and_one_code() {
    let bytes = b"\x1b[65535b".repeat(8192);
    let mut emulator = terminal(2, 8);
    feed_all(&mut emulator, "x", AMPLE);
    let mut left = bytes.as_slice();
    while !left.is_empty() {
        let before = emulator.callbacks().rows;
        let fed = emulator.feed(left, 1000);
        let drawn = (emulator.callbacks().rows - before) * 8;
        assert!(
            drawn > 60_000 && drawn <= fed.cost,
            "{drawn} of {}",
            fed.cost
        );
        assert!(fed.cost <= 1000 + 65_535);
        left = left.get(65_536..).unwrap_or_default();
    }
}

#[test]
fn strings_to_the_terminal_are_dropped_until_they_end() {
    let mut emulator = terminal(24, 80);
    feed_all(&mut emulator, "a\x1b]2;", 100);
    feed_all(&mut emulator, "é".repeat(100_000), 101);
    feed_all(&mut emulator, "\u{7}b\x1b]2;c\x1b\\d\x1b]2;e\x18f", 100);
    assert_eq!(emulator.screen().contents(), "abdf");
    assert!(emulator.callbacks().title.is_empty());
}

#[test]
fn a_character_in_two_pieces_loses_neither_itself_nor_the_next() {
    let text = "éA漢B🦀C";
    for at in 0..=text.len() {
        let mut emulator = terminal(24, 80);
        let (one, other) = text.as_bytes().split_at(at);
        feed_all(&mut emulator, one, AMPLE);
        feed_all(&mut emulator, other, AMPLE);
        assert_eq!(emulator.screen().contents(), text, "split at {at}");
    }
}

#[test]
fn a_character_that_never_ends_hides_nothing() {
    let mut emulator = terminal(24, 80);
    for bytes in [
        b"a\xf0\x9f".as_slice(),
        b"b\xe2",
        b"\x1b[",
        b"2Cc\xef",
        b"\xef\xb8",
        b"\xe2\x98d",
    ] {
        feed_all(&mut emulator, bytes, AMPLE);
    }
    assert_eq!(emulator.screen().contents(), "ab  cd");
}

/// Output that steers, draws and breaks off, of all kinds that there are.
fn output() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        2 => any::<u8>().prop_map(|byte| vec![byte]),
        2 => "[ -~]{1,6}".prop_map(String::into_bytes),
        2 => "[\n\r\t\u{8}é中🦀\u{301}\u{fe0f}☀\u{17d8}]".prop_map(String::into_bytes),
        4 => "\x1b\\[\\??([0-9]{1,2}(;[0-9]{1,2})?)?[@-~]".prop_map(String::into_bytes),
        1 => "\x1b\\[\\?(1049|47|6|25)[hl]".prop_map(String::into_bytes),
        1 => "\x1b[ -~]".prop_map(String::into_bytes),
        1 => "\x1b[\\]PX^_#(][ -~é]{0,4}(\u{7}|\x1b\\\\|\x18)?".prop_map(String::into_bytes),
    ];
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// The lengths of the pieces in which output comes, over and over.
fn lengths() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..12usize, 1..8)
}

fn pieces<'a>(bytes: &'a [u8], lengths: &'a [usize]) -> impl Iterator<Item = &'a [u8]> {
    let mut left = bytes;
    let mut lengths = lengths.iter().cycle();
    std::iter::from_fn(move || {
        let length = lengths.next().copied().unwrap_or(1).min(left.len());
        let (piece, rest) = left.split_at(length);
        left = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

fn without_emoji_forms(bytes: &[u8]) -> Vec<u8> {
    let mut kept = bytes.to_vec();
    while let Some(at) = kept.windows(3).position(|three| three == EMOJI_FORM) {
        kept.drain(at..at + 3);
    }
    kept
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn the_guards_change_nothing_else(
        bytes in output(), lengths in lengths(), room in 1..50usize, rows in 1..6u16, columns in 2..14u16,
    ) {
        let bytes = without_emoji_forms(&bytes);
        let mut emulator = terminal(rows, columns);
        for piece in pieces(&bytes, &lengths) {
            feed_all(&mut emulator, piece, room);
        }
        let (rows, columns) = size(rows, columns);
        let mut direct = Parser::new_with_callbacks(rows, columns, 0, Told::default());
        direct.process(&bytes);
        prop_assert_eq!(emulator.screen().state_formatted(), direct.screen().state_formatted());
        prop_assert_eq!(emulator.screen().cursor_position(), direct.screen().cursor_position());
        prop_assert_eq!(emulator.callbacks().rows, direct.callbacks().rows);
    }

    #[test]
    fn no_output_panics_in_any_pieces_and_sizes(
        outputs in prop::collection::vec((output(), 1..8u16, 2..14u16), 1..5), lengths in lengths(),
    ) {
        let mut emulator = terminal(4, 12);
        for (bytes, rows, columns) in outputs {
            for piece in pieces(&bytes, &lengths) {
                feed_all(&mut emulator, piece, AMPLE);
            }
            let (rows, columns) = size(rows, columns);
            emulator.resize(rows, columns);
        }
    }

    #[test]
    fn what_is_left_begins_with_a_whole_character(text in "([ -~é中🦀\u{301}\u{fe0f}]|\x1b[\\[\\]P]?[é0-9;]{0,3}){0,40}", room in 1..20usize) {
        let mut emulator = terminal(4, 12);
        let mut left = text.as_str();
        while !left.is_empty() {
            let rest = std::str::from_utf8(emulator.feed(left.as_bytes(), room).rest);
            prop_assert!(rest.is_ok_and(|rest| rest.len() < left.len()));
            left = rest.unwrap_or_default();
        }
    }
}
