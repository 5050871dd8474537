use super::decode::{DecodeError, Decoder};
use super::*;

fn header_of(origin: Option<Origin>) -> Header {
    Header {
        size: TerminalSize::near(100, 30),
        term: Some("xterm-256color".to_owned()),
        started: origin.as_ref().map(|origin| origin.started),
        title: Some("alice on db1".to_owned()),
        command: None,
        origin,
    }
}

fn origin() -> Origin {
    let started = "2026-07-14T09:30:00.25Z".parse().unwrap();
    Origin {
        session: SessionId::new(started, [7; 10]),
        person: "alice@example.com".parse().unwrap(),
        destination: Destination {
            login: "deploy".parse().unwrap(),
            target: "db1".parse().unwrap(),
        },
        source: "192.0.2.7".parse().unwrap(),
        started,
    }
}

fn secs(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

fn decode(text: &str) -> (Header, Vec<Result<Event, DecodeError>>) {
    let (header, decoder) = Decoder::open(text.as_bytes()).unwrap();
    (header, decoder.collect())
}

/// What the one bad line of a file is refused with.
fn refusal(lines: &str) -> String {
    let text = format!("{{\"version\":3,\"term\":{{\"cols\":80,\"rows\":24}}}}\n{lines}");
    let (_, events) = decode(&text);
    let error = events.into_iter().find_map(Result::err);
    error.expect("a refusal").to_string()
}

#[test]
fn a_recording_has_the_exact_shape_of_the_format() {
    let mut file = Vec::new();
    let mut encoder = Encoder::default();
    Encoder::header(&header_of(Some(origin())), &mut file).unwrap();
    encoder.output(secs(0.248), "\u{1b}[1mHi\u{1b}[0m \"中\"\r\n", &mut file);
    encoder.marker(secs(1.25), "$ sudo id\n", &mut file);
    encoder.resize(secs(1.25), TerminalSize::near(90, 30), &mut file);
    encoder.exit(secs(3.0), 130, &mut file);
    let expected = concat!(
        r#"{"version":3,"term":{"cols":100,"rows":30,"type":"xterm-256color"},"timestamp":1784021400,"#,
        r#""title":"alice on db1","countersign":{"session":"s-01kxfzcentew3re1r70w3ge1r7","#,
        r#""person":"alice@example.com","destination":{"login":"deploy","target":"db1"},"#,
        r#""source":"192.0.2.7","started":"2026-07-14T09:30:00.25Z"}}"#,
        "\n",
        r#"[0.248000, "o", "\u001b[1mHi\u001b[0m \"中\"\r\n"]"#,
        "\n",
        r#"[1.002000, "m", "$ sudo id "]"#,
        "\n",
        r#"[0.000000, "r", "90x30"]"#,
        "\n",
        r#"[1.750000, "x", "130"]"#,
        "\n",
    );
    assert_eq!(String::from_utf8(file).unwrap(), expected);
}

#[test]
fn a_recording_reads_back_as_it_was_written() {
    for header in [header_of(Some(origin())), header_of(None)] {
        let mut file = Vec::new();
        let mut encoder = Encoder::default();
        Encoder::header(&header, &mut file).unwrap();
        encoder.output(secs(0.1), "one", &mut file);
        encoder.output(secs(7200.000001), "two", &mut file);
        let (read, events) = decode(std::str::from_utf8(&file).unwrap());
        assert_eq!(read, header);
        let output = |at, text: &str| Event {
            at,
            kind: EventKind::Output(text.to_owned()),
        };
        let events: Vec<_> = events.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            events,
            [output(secs(0.1), "one"), output(secs(7200.000001), "two")]
        );
    }
}

#[test]
fn long_output_becomes_several_events_cut_between_characters() {
    let text = "\u{1}".repeat(EVENT_BYTES) + &"中".repeat(EVENT_BYTES);
    let mut file = Vec::new();
    Encoder::header(&header_of(None), &mut file).unwrap();
    let mut encoder = Encoder::default();
    encoder.output(secs(1.0), &text, &mut file);
    let (_, events) = decode(std::str::from_utf8(&file).unwrap());
    assert_eq!(events.len(), 5);
    let joined: String = events
        .into_iter()
        .map(|event| match event.unwrap().kind {
            EventKind::Output(text) => text,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(joined, text);
}

#[test]
fn a_clock_that_was_set_back_stands_still() {
    let mut file = Vec::new();
    let mut encoder = Encoder::default();
    encoder.marker(secs(5.0), "a", &mut file);
    encoder.marker(secs(4.0), "b", &mut file);
    encoder.marker(secs(5.5), "c", &mut file);
    let text = String::from_utf8(file).unwrap();
    assert_eq!(
        text,
        "[5.000000, \"m\", \"a\"]\n[0.000000, \"m\", \"b\"]\n[0.500000, \"m\", \"c\"]\n"
    );
}

#[test]
fn what_other_recorders_write_is_tolerated() {
    let text = concat!(
        r##"{"version": 3, "term": {"cols": 80, "rows": 24, "version": "VTE(7802)", "theme": {"fg": "#fff"}}, "##,
        r#""timestamp": 1504467315, "idle_time_limit": 2, "env": {"SHELL": "/bin/zsh"}, "tags": ["a"]}"#,
        "\n# a comment\n\n[1, \"i\", \"typed\"]\n[0.5, \"o\", \"Bye!\"]\n[2, \"x\", \"0\"]\n",
    );
    let (header, events) = decode(text);
    assert_eq!(header.started, Timestamp::from_second(1_504_467_315).ok());
    let kinds: Vec<_> = events.into_iter().map(|event| event.unwrap()).collect();
    assert_eq!(kinds[0].kind, EventKind::Other("i".to_owned()));
    assert_eq!(kinds[1].at, secs(1.5));
    assert_eq!(kinds[2].kind, EventKind::Exit("0".to_owned()));
}

#[test]
fn another_version_is_refused_by_name() {
    let version_2 = r#"{"version": 2, "width": 80, "height": 24}"#;
    let refused = Decoder::open(version_2.as_bytes()).unwrap_err().to_string();
    assert!(
        refused.starts_with("asciicast version 2 is not supported"),
        "{refused}"
    );
}

#[test]
fn a_file_without_a_header_is_refused() {
    assert!(matches!(Decoder::open(&b""[..]), Err(DecodeError::Empty)));
    for line in [
        "# comment\n",
        "{}\n",
        "[1,\"o\",\"\"]\n",
        "\u{0}\n",
        "{\"version\":3}",
    ] {
        let refused = Decoder::open(line.as_bytes());
        assert!(matches!(refused, Err(DecodeError::Header(_))), "{line:?}");
    }
}

#[test]
fn malformed_lines_are_refused_with_their_number() {
    for line in [
        "nonsense",
        "[1]",
        "[-1, \"o\", \"\"]",
        "[1e300, \"o\", \"\"]",
        "[1, \"\", \"\"]",
        "[1, \"r\", \"80\"]",
        "[1, \"r\", \"80x-1\"]",
        "[1, \"o\", 5]",
        "{}",
    ] {
        let refused = refusal(&format!("[1, \"o\", \"fine\"]\n{line}\n"));
        assert!(
            refused.starts_with("line 3 is not an event"),
            "{line}: {refused}"
        );
    }
}

#[test]
fn a_line_without_end_is_read_no_further_than_its_limit() {
    let refused = refusal(&format!("[1, \"o\", \"{}", "x".repeat(2 * LINE_BYTES)));
    assert_eq!(refused, "line 2 is longer than 1048576 bytes");
}

#[test]
fn a_recording_that_was_stopped_within_a_line_says_so() {
    assert_eq!(
        refusal("[1, \"o\", \"fine\"]\n[1, \"o\", \"cut"),
        "line 3 is cut off"
    );
}

#[test]
fn sizes_stay_within_what_can_be_replayed() {
    assert_eq!(TerminalSize::near(0, 0), TerminalSize::USUAL);
    assert_eq!(TerminalSize::near(u32::MAX, 70_000).to_string(), "1000x500");
    assert_eq!(TerminalSize::near(1, 1).to_string(), "2x1");
    assert_eq!("65535x65535".parse(), Ok(TerminalSize::near(1000, 500)));
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_never_break_the_decoder(head: bool, bytes: Vec<u8>) {
        let mut file = Vec::new();
        if head {
            Encoder::header(&header_of(None), &mut file).unwrap();
        }
        file.extend_from_slice(&bytes);
        if let Ok((_, decoder)) = Decoder::open(file.as_slice()) {
            proptest::prop_assert!(decoder.count() <= bytes.len());
        }
    }

    #[test]
    fn lines_that_look_like_events_never_break_the_decoder(lines in proptest::collection::vec("\\[[0-9.e-]{0,6},? ?\"[omrxi]?\", ?\"[0-9x\\\\u]{0,8}\"\\]", 0..8)) {
        let mut file = Vec::new();
        Encoder::header(&header_of(None), &mut file).unwrap();
        file.extend_from_slice(lines.join("\n").as_bytes());
        let (_, decoder) = Decoder::open(file.as_slice()).unwrap();
        let mut last = Duration::ZERO;
        for event in decoder.flatten() {
            proptest::prop_assert!(event.at >= last);
            last = event.at;
        }
    }

    #[test]
    fn any_text_reads_back(text: String, micros in 0u64..1_000_000_000_000) {
        let mut file = Vec::new();
        Encoder::header(&header_of(None), &mut file).unwrap();
        let at = Duration::from_micros(micros);
        Encoder::default().output(at, &text, &mut file);
        let (_, events) = decode(std::str::from_utf8(&file).unwrap());
        let mut joined = String::new();
        for event in events {
            let event = event.unwrap();
            proptest::prop_assert_eq!(event.at.as_micros(), at.as_micros());
            if let EventKind::Output(text) = event.kind {
                joined.push_str(&text);
            }
        }
        proptest::prop_assert_eq!(joined, text);
    }
}
