use super::*;
use crate::domain::command::{Command, Layer, Scope, Script};
use crate::domain::id::SessionId;
use crate::domain::target::Destination;
use jiff::Timestamp;
use proptest::prelude::*;

fn command(bytes: &[u8]) -> Command {
    let destination = Destination {
        login: "deploy".parse().unwrap(),
        target: "db1".parse().unwrap(),
    };
    let session = SessionId::new(Timestamp::UNIX_EPOCH, [1; 10]);
    Command {
        scope: Scope {
            destination,
            session,
            ordinal: 0,
        },
        layer: Layer::Line,
        bytes: bytes.to_vec(),
        script: None,
    }
}

fn clearance(bytes: &[u8]) -> Clearance {
    Clearance::for_tests(command(bytes))
}

fn open(watch: Watch) -> Gate {
    let (gate, effects) = Gate::starting(command(b""), watch).step(Event::Cleared(clearance(b"")));
    assert!(matches!(effects.as_slice(), [Effect::Submit { .. }]));
    gate
}

fn typed(gate: Gate, bytes: &[u8]) -> (Gate, Vec<Effect>) {
    gate.step(Event::Typed(Bytes::copy_from_slice(bytes)))
}

#[test]
fn the_submitting_key_waits_until_its_line_is_cleared() {
    let (gate, effects) = typed(open(Watch::Keys), b"sudo id\r");
    assert_eq!(
        effects,
        [
            Effect::Forward(Bytes::from_static(b"sudo id")),
            Effect::ReadLine
        ]
    );
    let (gate, effects) = gate.step(Event::Read(command(b"sudo id")));
    assert_eq!(effects, [Effect::Decide]);
    let (gate, effects) = gate.step(Event::Cleared(clearance(b"sudo id")));
    assert_eq!(
        effects,
        [Effect::Submit {
            clearance: clearance(b"sudo id"),
            key: b"\r".to_vec()
        }]
    );
    assert!(gate.wants_input());
}

#[test]
fn a_clearance_for_anything_else_closes_the_gate() {
    let (gate, _) = typed(open(Watch::Keys), b"sudo id\r");
    let (gate, _) = gate.step(Event::Read(command(b"sudo id")));
    let (gate, effects) = gate.step(Event::Cleared(clearance(b"id")));
    assert_eq!(effects, [Effect::Refuse]);
    assert!(gate.is_closed());
}

#[test]
fn ctrl_c_takes_a_hold_back_and_the_line_is_cleared() {
    let hold = HoldId::new(7);
    let (gate, _) = typed(open(Watch::Keys), b"sudo id\rsudo reboot\r");
    let (gate, _) = gate.step(Event::Read(command(b"sudo id")));
    let (gate, effects) = gate.step(Event::Held(hold.clone()));
    assert_eq!(effects, []);
    let (gate, effects) = typed(gate, b"\x03");
    assert_eq!(effects, [Effect::Withdraw(hold)]);
    let (gate, effects) = gate.step(Event::Denied);
    assert_eq!(effects, [Effect::ClearLine]);
    assert!(gate.wants_input());
}

#[test]
fn ctrl_c_in_the_input_of_a_program_without_a_terminal_is_a_byte() {
    let (gate, effects) = typed(open(Watch::Stream), b"\x03\r\n\x04");
    assert_eq!(
        effects,
        [Effect::Forward(Bytes::from_static(b"\x03\r\n\x04"))]
    );
    assert!(gate.wants_input());
}

#[test]
fn each_line_of_a_paste_is_its_own_question() {
    let (gate, effects) = typed(open(Watch::Keys), b"\x1b[200~id\rwho\x1b[201~");
    assert_eq!(
        effects,
        [Effect::Forward(Bytes::from_static(b"id")), Effect::ReadLine]
    );
    let (gate, _) = gate.step(Event::Read(command(b"id")));
    let (gate, effects) = gate.step(Event::Cleared(clearance(b"id")));
    assert_eq!(effects.last(), Some(&Effect::AwaitQuiet));
    let (_, effects) = gate.step(Event::Quiet);
    assert_eq!(effects, [Effect::Forward(Bytes::from_static(b"who"))]);
}

#[test]
fn a_program_that_runs_its_input_gets_it_in_whole_lines() {
    let (gate, effects) = typed(open(Watch::Script), b"id\nls\nsudo id");
    assert_eq!(effects, [Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"id\nls\n"[..], Watch::Script)));
    let (gate, _) = gate.step(Event::Read(command(b"id\nls\n")));
    let (gate, effects) = gate.step(Event::Cleared(clearance(b"id\nls\n")));
    assert!(matches!(effects.as_slice(), [Effect::Submit { .. }]));
    let (gate, effects) = gate.step(Event::InputEnded);
    assert_eq!(effects, [Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"sudo id"[..], Watch::Script)));
}

#[test]
fn lines_that_may_not_run_at_once_wait_for_those_behind_them() {
    let (gate, _) = typed(open(Watch::Script), b"for i in 1 2\n");
    let (gate, _) = gate.step(Event::Read(command(b"for i in 1 2\n")));
    let (gate, effects) = gate.step(Event::Gather);
    assert_eq!(effects, []);
    assert_eq!(gate.gathered_lines(), Some(13));
    let (gate, effects) = typed(gate, b"do id; done\nl");
    assert_eq!((effects, gate.gathered_lines()), (vec![], Some(25)));
    let (gate, effects) = gate.step(Event::Quiet);
    assert_eq!(effects, [Effect::ReadLine]);
    let block = &b"for i in 1 2\ndo id; done\n"[..];
    assert_eq!(gate.withheld(), Some((block, Watch::Script)));
}

#[test]
fn a_script_is_decided_about_with_the_program_that_runs_it() {
    let (gate, effects) = Gate::starting(command(b"bash"), Watch::Stream).step(Event::Gather);
    assert_eq!((effects, gate.gathered_lines()), (vec![], Some(0)));
    assert!(gate.wants_input());
    let (gate, _) = typed(gate, b"id\nsu");
    let (gate, effects) = gate.step(Event::Quiet);
    assert_eq!(effects, [Effect::Decide]);
    assert_eq!(gate.script(), Some(&b"id\n"[..]));
    let scripted = Command {
        script: Some(Box::new(Script::of(b"id\n"))),
        ..command(b"bash")
    };
    assert_eq!(gate.deciding(), Some(&scripted));
    let (gate, _) = gate.step(Event::Held(HoldId::new(1)));
    assert!(!gate.wants_input());
    let (gate, effects) = gate.step(Event::Cleared(Clearance::for_tests(scripted)));
    assert!(matches!(
        effects.as_slice(),
        [Effect::Submit { .. }, Effect::Forward(script)] if script.as_ref() == b"id\n"
    ));
    let (gate, effects) = typed(gate, b"do id\n");
    assert_eq!(effects, [Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"sudo id\n"[..], Watch::Script)));
}

#[test]
fn a_script_without_end_is_asked_about_in_parts() {
    let (gate, _) = Gate::starting(command(b"bash"), Watch::Stream).step(Event::Gather);
    let (gate, effects) = typed(gate, &b"echo\n".repeat(SCRIPT_BYTES / 5 + 1));
    assert_eq!(effects, [Effect::Decide]);
    assert_eq!(gate.script().map(<[u8]>::len), Some(SCRIPT_BYTES / 5 * 5));
}

#[test]
fn a_program_whose_input_ends_at_once_has_an_empty_script() {
    let (gate, _) = Gate::starting(command(b"bash"), Watch::Stream).step(Event::Gather);
    let (gate, effects) = gate.step(Event::InputEnded);
    assert_eq!(effects, [Effect::Decide]);
    let scripted = gate.deciding().unwrap().clone();
    let (_, effects) = gate.step(Event::Cleared(Clearance::for_tests(scripted)));
    assert!(matches!(
        effects.as_slice(),
        [Effect::Submit { .. }, Effect::EndInput]
    ));
}

#[test]
fn a_clearance_for_the_program_without_its_script_closes_the_gate() {
    let (gate, _) = Gate::starting(command(b"bash"), Watch::Stream).step(Event::Gather);
    let (gate, _) = typed(gate, b"id\n");
    let (gate, _) = gate.step(Event::Quiet);
    let (gate, effects) = gate.step(Event::Cleared(clearance(b"bash")));
    assert_eq!(effects, [Effect::Refuse]);
    assert!(gate.is_closed());
}

#[test]
fn an_escape_and_its_letter_in_two_packets_are_still_one_key() {
    let (gate, effects) = typed(open(Watch::Keys), b"sudo id\x1b");
    assert_eq!(effects, [Effect::Forward(Bytes::from_static(b"sudo id"))]);
    let (gate, effects) = typed(gate, b"#");
    assert_eq!(effects, [Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"\x1b#"[..], Watch::Keys)));
}

#[test]
fn ctrl_c_takes_a_hold_back_even_behind_more_than_is_kept() {
    let hold = HoldId::new(7);
    let (gate, _) = Gate::starting(command(b"x"), Watch::Terminal).step(Event::Held(hold.clone()));
    let (gate, effects) = typed(gate, &vec![b'x'; PENDING_BYTES + 10]);
    assert_eq!(effects, [Effect::Bell]);
    assert!(gate.wants_input());
    let (_, effects) = typed(gate, b"\x03");
    assert_eq!(effects, [Effect::Withdraw(hold)]);
}

#[test]
fn input_is_not_wanted_while_a_command_is_decided() {
    let gate = Gate::starting(command(b"cat"), Watch::Stream);
    assert!(!gate.wants_input());
    let (gate, _) = gate.step(Event::Held(HoldId::new(1)));
    assert!(
        !gate.wants_input(),
        "a program's input stays where flow control holds it"
    );
}

#[test]
fn a_broken_recording_closes_the_gate_from_every_state() {
    let (reading, _) = typed(open(Watch::Keys), b"x\r");
    let (deciding, _) = typed(open(Watch::Keys), b"x\r")
        .0
        .step(Event::Read(command(b"x")));
    for gate in [open(Watch::Keys), reading, deciding] {
        let (gate, _) = gate.step(Event::Broke);
        assert!(gate.is_closed());
        let (_, effects) = typed(gate, b"id\r");
        assert_eq!(effects, []);
    }
}

#[derive(Debug, Clone)]
enum Move {
    Type(Vec<u8>),
    Read,
    Clear,
    Hold,
    Deny,
    Quiet,
    Gather,
    End,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let bytes = prop::collection::vec(
        prop_oneof![Just(b'\r'), Just(3u8), Just(27u8), Just(b'a'), any::<u8>()],
        0..6,
    );
    let one = prop_oneof![
        4 => bytes.prop_map(Move::Type), 2 => Just(Move::Read), 2 => Just(Move::Clear),
        1 => Just(Move::Hold), 1 => Just(Move::Deny), 2 => Just(Move::Quiet),
        1 => Just(Move::Gather), 1 => Just(Move::End)
    ];
    prop::collection::vec(one, 0..60)
}

proptest! {
    #[test]
    fn no_submitting_byte_leaves_without_a_clearance(moves in moves()) {
        let mut gate = open(Watch::Keys);
        for step in moves {
            let event = match step {
                Move::Type(bytes) => Event::Typed(bytes.into()),
                Move::Read => Event::Read(command(b"line")),
                Move::Clear => Event::Cleared(clearance(b"line")),
                Move::Hold => Event::Held(HoldId::new(1)),
                Move::Deny => Event::Denied,
                Move::Quiet => Event::Quiet,
                Move::Gather => Event::Gather,
                Move::End => Event::InputEnded,
            };
            let (next, effects) = gate.step(event);
            gate = next;
            for effect in effects {
                if let Effect::Forward(bytes) = effect {
                    prop_assert!(!bytes.iter().any(|b| matches!(b, 4 | 10 | 13 | 15)), "{bytes:?}");
                }
            }
        }
    }

    #[test]
    fn what_leaves_of_a_script_is_what_was_cleared_in_order(moves in moves()) {
        let mut gate = Gate::starting(command(b"bash"), Watch::Script);
        let (mut sent, mut left) = (Vec::new(), Vec::new());
        for step in moves {
            let asked = gate.deciding().cloned();
            let withheld = gate.withheld().map(|(lines, _)| lines.to_vec());
            let event = match (step, withheld, asked) {
                (Move::Type(bytes), ..) if gate.wants_input() => {
                    let bytes: Vec<u8> = bytes.into_iter().map(|b| if b == 13 { 10 } else { b }).collect();
                    sent.extend_from_slice(&bytes);
                    Event::Typed(bytes.into())
                }
                (Move::Read, Some(lines), _) => Event::Read(command(&lines)),
                (Move::Clear, _, Some(asked)) => Event::Cleared(Clearance::for_tests(asked)),
                (Move::Hold, _, Some(_)) if gate.held().is_none() => Event::Held(HoldId::new(1)),
                (Move::Gather, _, Some(_)) if gate.held().is_none() => Event::Gather,
                (Move::Quiet, ..) => Event::Quiet,
                (Move::End, ..) => Event::InputEnded,
                _ => continue,
            };
            let cleared = matches!(event, Event::Cleared(_));
            let (next, effects) = gate.step(event);
            gate = next;
            for effect in effects {
                match effect {
                    Effect::Forward(bytes) => {
                        prop_assert!(cleared);
                        left.extend_from_slice(&bytes);
                    }
                    Effect::Submit { key, .. } => left.extend_from_slice(&key),
                    _ => {}
                }
            }
            prop_assert!(sent.starts_with(&left), "{left:?} of {sent:?}");
        }
        prop_assert!(!gate.is_closed());
    }
}

/// A gate whose keys are read so.
fn read_by(reader: Reader) -> Gate {
    open(Watch::Keys).step(Event::Reads(reader)).0
}

fn forwarded(bytes: &'static [u8]) -> Effect {
    Effect::Forward(Bytes::from_static(bytes))
}

#[test]
fn a_lone_escape_goes_out_after_a_lull_and_still_belongs_to_the_next_key() {
    let (gate, effects) = typed(open(Watch::Keys), b"ls\x1b");
    assert_eq!(effects, [forwarded(b"ls")]);
    assert!(gate.awaits_rest_of_key());
    let (gate, effects) = gate.step(Event::Lull);
    assert_eq!(effects, [forwarded(b"\x1b")]);
    assert!(!gate.awaits_rest_of_key());
    let (gate, effects) = typed(gate, b"#");
    assert_eq!(effects, [Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"#"[..], Watch::Keys)));
}

#[test]
fn an_arrow_key_that_came_in_two_pieces_passes_once() {
    let (gate, _) = typed(open(Watch::Keys), b"\x1b");
    let (gate, _) = gate.step(Event::Lull);
    let (gate, effects) = typed(gate, b"[");
    assert_eq!(effects, []);
    let (gate, effects) = typed(gate, b"Als");
    assert_eq!(effects, [forwarded(b"[Als")]);
    let (_, effects) = gate.step(Event::Lull);
    assert_eq!(effects, []);
}

#[test]
fn ctrl_c_after_a_lone_escape_is_ctrl_c() {
    let (gate, _) = typed(open(Watch::Keys), b"\x1b");
    let (gate, _) = gate.step(Event::Lull);
    let (_, effects) = typed(gate, b"\x03ls");
    assert_eq!(effects, [forwarded(b"\x03ls")]);
}

#[test]
fn in_a_line_editor_that_asks_only_enter_is_withheld() {
    let (gate, effects) = typed(read_by(Reader::Editor), b"\x1b#\x0f\x18\x04ls\rid\r");
    assert_eq!(
        effects,
        [forwarded(b"\x1b#\x0f\x18\x04ls"), Effect::ReadLine]
    );
    assert_eq!(gate.withheld(), Some((&b"\r"[..], Watch::Keys)));
}

#[test]
fn a_paste_into_a_line_editor_is_one_line_of_it() {
    let pasted = b"\x1b[200~id\rwho\x1b[201~";
    let (gate, effects) = typed(read_by(Reader::Editor), pasted);
    assert_eq!(effects, [forwarded(pasted)]);
    let (_, effects) = typed(gate, b"\r");
    assert_eq!(effects, [Effect::ReadLine]);
}

#[test]
fn what_a_cleared_program_reads_passes_until_somebody_else_reads() {
    let (gate, effects) = typed(read_by(Reader::Program), b"y\r\x1b:wq\r");
    assert_eq!(effects, [forwarded(b"y\r\x1b:wq\r")]);
    let (gate, _) = gate.step(Event::Reads(Reader::Unknown));
    let (_, effects) = typed(gate, b"id\r");
    assert_eq!(effects, [forwarded(b"id"), Effect::ReadLine]);
}

#[test]
fn a_line_that_goes_on_submits_nothing() {
    let (gate, _) = typed(read_by(Reader::Editor), b"for i in 1; do\rid\r");
    let (gate, effects) = gate.step(Event::GoesOn);
    assert_eq!(effects, [forwarded(b"id"), Effect::ReadLine]);
    assert_eq!(gate.withheld(), Some((&b"\r"[..], Watch::Keys)));
}

#[test]
fn a_held_line_that_changed_is_read_and_asked_about_anew() {
    let (gate, _) = typed(open(Watch::Keys), b"id\r");
    let (gate, _) = gate.step(Event::Read(command(b"id")));
    let (gate, _) = gate.step(Event::Held(HoldId::new(7)));
    let (gate, effects) = gate.step(Event::Changed);
    assert_eq!(effects, [Effect::ReadLine]);
    let (gate, effects) = gate.step(Event::Read(command(b"sudo id")));
    assert_eq!(effects, [Effect::Decide]);
    let (gate, _) = gate.step(Event::Cleared(clearance(b"id")));
    assert!(gate.is_closed());
}

#[test]
fn tab_waits_where_a_line_may_come_from_the_history_and_goes_out_when_it_runs_nothing() {
    for reader in [Reader::Unknown, Reader::Editor] {
        let (gate, effects) = typed(read_by(reader), b"\x19\t");
        assert_eq!(
            effects,
            [forwarded(b"\x19"), Effect::ReadLine],
            "{reader:?}"
        );
        let (gate, effects) = gate.step(Event::Harmless);
        assert_eq!(effects, [forwarded(b"\t")]);
        let (_, effects) = typed(gate, b"\t");
        assert_eq!(effects, [forwarded(b"\t")], "the line is known by now");
    }
    let (gate, _) = typed(read_by(Reader::Unknown), b"ls\r");
    let (gate, effects) = gate.step(Event::Harmless);
    assert!(
        gate.is_closed() && effects == [Effect::Refuse],
        "Enter is never harmless"
    );
}

#[test]
fn behind_escape_what_may_be_a_command_is_a_question_until_the_next_line() {
    for (escape, stops) in [
        (&b"\x1bb"[..], &b"v#"[..]),
        (b"\x1b[1;5D", b"v#"),
        (b"\x1b[D", b"#"),
        (b"\x1b[24;80R", b""),
    ] {
        for key in [b'v', b'#'] {
            let keys = [key];
            let (gate, _) = typed(open(Watch::Keys), &[b"#v", escape, b"x", &[key]].concat());
            let expected = stops.contains(&key).then_some((&keys[..], Watch::Keys));
            assert_eq!(gate.withheld(), expected, "{escape:?}");
        }
        let (_, effects) = typed(open(Watch::Keys), &[escape, b"\x03#v"].concat());
        assert!(!effects.contains(&Effect::ReadLine), "{escape:?}");
    }
    let (gate, _) = typed(open(Watch::Keys), b"\x1b");
    let (gate, _) = gate.step(Event::Lull);
    let (gate, _) = typed(gate, b"[Ax");
    let (gate, _) = typed(gate, b"v");
    assert_eq!(gate.withheld(), Some((&b"v"[..], Watch::Keys)));
    let (_, effects) = typed(read_by(Reader::Editor), b"\x1bb#v");
    assert_eq!(effects, [forwarded(b"\x1bb#v")]);
}

#[test]
fn a_line_that_is_submitted_from_command_mode_leaves_no_doubt_about_the_next() {
    let slowly = || {
        let (gate, _) = typed(open(Watch::Keys), b"id\x1bb\x1b");
        let (gate, _) = gate.step(Event::Lull);
        typed(gate, b"\r")
    };
    let at_once = || typed(open(Watch::Keys), b"id\x1bb\x1b\r");
    for (gate, effects) in [slowly(), at_once()] {
        assert_eq!(effects.last(), Some(&Effect::ReadLine));
        let (gate, _) = gate.step(Event::Read(command(b"id")));
        let (gate, _) = gate.step(Event::Cleared(clearance(b"id")));
        let (gate, _) = gate.step(Event::Quiet);
        let (_, effects) = typed(gate, b"vi#");
        assert_eq!(effects, [forwarded(b"vi#")]);
    }
}

#[test]
fn completing_a_line_with_a_substitution_is_a_question() {
    let (gate, effects) = typed(open(Watch::Keys), b"ls\t $(id\t");
    assert_eq!(effects, [forwarded(b"ls\t $(id"), Effect::ReadLine]);
    let (gate, _) = gate.step(Event::Read(command(b"id")));
    let (gate, _) = gate.step(Event::Cleared(clearance(b"id")));
    let (gate, effects) = typed(gate, b")\t");
    assert_eq!(effects, [forwarded(b")"), Effect::ReadLine]);
    let (gate, _) = gate.step(Event::Read(command(b"id")));
    let (gate, _) = gate.step(Event::Cleared(clearance(b"id")));
    let (_, effects) = typed(gate, b"\x03ls\t");
    assert_eq!(effects, [forwarded(b"\x03ls\t")]);
}

proptest! {
    #[test]
    fn pieces_and_lulls_lose_and_double_no_key(
        bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(0x1b), Just(b'[')], 0..40),
        cuts in prop::collection::vec((0..8usize, any::<bool>()), 1..20),
        reader in prop::sample::select(vec![Reader::Unknown, Reader::Editor, Reader::Program]),
    ) {
        let mut gate = read_by(reader);
        let (mut sent, mut left) = (Vec::new(), bytes.as_slice());
        let mut steps = Vec::new();
        for (length, lull) in cuts.iter().cycle().take(60) {
            let (piece, rest) = left.split_at((*length).min(left.len()));
            steps.push(Event::Typed(Bytes::copy_from_slice(piece)));
            if *lull {
                steps.push(Event::Lull);
            }
            left = rest;
        }
        steps.extend([Event::Typed(Bytes::copy_from_slice(left)), Event::Lull]);
        for event in steps {
            let (mut next, effects) = gate.step(event);
            let mut effects = std::collections::VecDeque::from(effects);
            while let Some(effect) = effects.pop_front() {
                let answer = match effect {
                    Effect::Forward(bytes) => { sent.extend_from_slice(&bytes); continue }
                    Effect::Submit { key, .. } => { sent.extend_from_slice(&key); continue }
                    Effect::ReadLine => Event::Read(command(b"")),
                    Effect::Decide => Event::Cleared(clearance(b"")),
                    Effect::AwaitQuiet => Event::Quiet,
                    other => { prop_assert!(false, "{other:?}"); continue }
                };
                let (after, more) = next.step(answer);
                next = after;
                effects.extend(more);
            }
            gate = next;
        }
        prop_assert_eq!(sent, bytes);
    }
}
