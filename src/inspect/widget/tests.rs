use super::*;
use crate::domain::gate::Reader;
use proptest::prelude::*;

fn nonce() -> Nonce {
    Nonce::random().unwrap()
}

fn report(widget: &Widget, text: &str) -> Bytes {
    Bytes::from(format!(
        "\x1b]7878;{};{text}\x07",
        widget.reports.nonce().as_str()
    ))
}

/// A widget whose shell is at its prompt.
fn prompted() -> Widget {
    let mut widget = Widget::new(nonce());
    let prompt = report(&widget, "prompt");
    assert_eq!(widget.output(&prompt), (Bytes::new(), vec![Said::Prompt]));
    widget
}

/// A report of a line as a shell writes it, from one that lacks Enter and length.
fn tell(widget: &mut Widget, text: &str) -> Option<Told> {
    let whole = |text: &str| {
        let parts: Vec<&str> = text.splitn(4, ';').collect();
        let [kind, count, ends, line] = parts.as_slice() else {
            return None;
        };
        Some(format!("{kind};{count};{ends};0;{};{line}", line.len()))
    };
    let text = &whole(text).unwrap_or(text.to_owned());
    let line = report(widget, text);
    widget.output(&line);
    widget.told()
}

#[test]
fn a_shell_is_believed_once_it_reports_with_the_nonce() {
    let mut widget = Widget::new(nonce());
    assert_eq!(widget.reader(), Reader::Unknown);
    let faked = Bytes::from_static(b"\x1b]7878;00000000000000000000000000000000;prompt\x07");
    assert_eq!(widget.output(&faked), (faked.clone(), vec![]));
    assert_eq!(widget.reader(), Reader::Unknown);
    let prompt = report(&widget, "prompt");
    widget.output(&prompt);
    assert_eq!(widget.reader(), Reader::Editor);
}

#[test]
fn a_line_is_told_exactly_with_the_key_that_submits_it() {
    let mut widget = prompted();
    widget.ask();
    let told = tell(&mut widget, "line;7;;echo 100%25%0als").unwrap();
    assert_eq!(told.line.bytes, b"echo 100%\nls");
    let digits = widget.reports.nonce().digits().to_owned();
    assert_eq!(told.key, format!("\x1b[7878;{digits};9;7~").into_bytes());
    assert!(!told.goes_on && !told.line.reading.is_opaque());
    assert_eq!(widget.told(), None, "it is one answer");
}

#[test]
fn a_line_that_nobody_asked_for_is_no_answer() {
    let mut widget = prompted();
    assert_eq!(tell(&mut widget, "line;1;;ls"), None);
    widget.ask();
    assert!(tell(&mut widget, "line;2;;ls").is_some());
    assert_eq!(tell(&mut widget, "line;3;;ls"), None, "it was answered");
    widget.ask();
    for garbled in [
        "line;x;ls",
        "line;1;;%",
        "line;1;;%zz",
        "line",
        "line;1;",
        "what",
    ] {
        assert_eq!(tell(&mut widget, garbled), None, "{garbled}");
    }
}

#[test]
fn enter_is_of_a_line_that_is_edited_whatever_was_thought_before() {
    let mut widget = prompted();
    let enter = report(&widget, "enter");
    assert_eq!(widget.output(&enter), (Bytes::new(), vec![Said::Enter]));
    widget.lost();
    assert_eq!(widget.reader(), Reader::Unknown);
    assert_eq!(widget.output(&enter), (Bytes::new(), vec![Said::Enter]));
    assert_eq!(widget.reader(), Reader::Editor);
    widget.submitted(Input::Over);
    assert_eq!(widget.output(&enter), (Bytes::new(), vec![]));
    assert_eq!(widget.reader(), Reader::Unknown);
}

#[test]
fn a_line_that_is_no_text_is_told_as_it_is_and_not_understood() {
    let mut widget = prompted();
    widget.ask();
    let digits = widget.reports.nonce().as_str().to_owned();
    let line = [
        format!("\x1b]7878;{digits};line;1;;0;9;ls ").as_bytes(),
        b"caf\xe9\xe8\x07",
    ]
    .concat();
    widget.output(&Bytes::from(line));
    let told = widget.told();
    assert!(told.is_none(), "its length is another");
    widget.ask();
    let line = [
        format!("\x1b]7878;{digits};line;2;;0;7;ls ").as_bytes(),
        b"caf\xe9\x07",
    ]
    .concat();
    widget.output(&Bytes::from(line));
    let told = widget.told().unwrap();
    assert_eq!(told.line.bytes, b"ls caf\xe9");
    assert!(told.line.reading.is_opaque());
}

#[test]
fn a_line_is_read_as_its_shell_reads_it() {
    let line = r"line;1;here;echo 'a\' '; id; echo \'";
    for (shell, doubted) in [("bash", false), ("fish", true), ("", true)] {
        let mut widget = Widget::new(nonce());
        let hello = Bytes::from(format!("\x1b]7878;hello;{shell}\x07"));
        widget.output(&hello);
        let prompt = report(&widget, "prompt");
        widget.output(&prompt);
        widget.ask();
        let told = tell(&mut widget, line).unwrap();
        assert_eq!(told.line.reading.is_opaque(), doubted, "{shell}");
    }
}

#[test]
fn a_report_that_is_cut_before_its_length_is_no_answer() {
    let mut widget = prompted();
    widget.ask();
    let cut = report(&widget, "line;1;;0;14;ls \x07; sudo id");
    widget.output(&cut);
    assert_eq!(widget.told(), None);
}

#[test]
fn a_line_that_may_change_the_shell_is_the_last_that_is_believed() {
    let mut widget = prompted();
    widget.ask();
    let told = tell(&mut widget, "line;3;;printf() { :%3b }").unwrap();
    let digits = widget.reports.nonce().digits().to_owned();
    assert_eq!(told.key, format!("\x1b[7878;{digits};8;3~").into_bytes());
    widget.submitted(told.input);
    let prompt = report(&widget, "prompt");
    assert_eq!(widget.output(&prompt), (Bytes::new(), vec![]));
    assert_eq!(widget.reader(), Reader::Unknown);
    widget.submitted(Input::Data);
    assert_eq!(widget.reader(), Reader::Unknown);
}

#[test]
fn an_approved_line_that_is_not_whole_is_told_again_as_it_was() {
    let mut widget = prompted();
    let mut again = || {
        widget.ask();
        tell(&mut widget, "line;1;;cat <<EOF").unwrap().goes_on
    };
    assert!(again());
    assert!(!again() && !again(), "asked, and read again once approved");
}

#[test]
fn no_report_comes_out_in_whatever_pieces_it_came() {
    let plain = prompted();
    let text = [
        b"before\x1b[1m\x1b]0;title\x07".as_slice(),
        &report(&plain, "prompt"),
        b"\x1b]7878;other;x\x07behind\x1b",
    ]
    .concat();
    for length in 1..text.len() {
        let mut widget = Widget::new(plain.reports.nonce().clone());
        let (mut shown, mut said) = (Vec::new(), Vec::new());
        for piece in text.chunks(length) {
            let (bytes, more) = widget.output(&Bytes::copy_from_slice(piece));
            shown.extend_from_slice(&bytes);
            said.extend(more);
        }
        let (rest, _) = widget.output(&Bytes::from_static(b"[m"));
        shown.extend_from_slice(&rest);
        assert_eq!(
            String::from_utf8(shown).unwrap(),
            "before\x1b[1m\x1b]0;title\x07\x1b]7878;other;x\x07behind\x1b[m"
        );
        assert_eq!(said, [Said::Prompt]);
    }
}

#[test]
fn a_report_that_is_too_long_tells_nothing_and_does_not_come_out() {
    let mut widget = prompted();
    widget.ask();
    let long = report(&widget, &format!("line;1;;{}", "x".repeat(200_000)));
    let mut shown = Vec::new();
    for piece in long.chunks(4096) {
        shown.extend_from_slice(&widget.output(&Bytes::copy_from_slice(piece)).0);
    }
    assert_eq!((shown, widget.told()), (vec![], None));
    assert_eq!(widget.output(&Bytes::from_static(b"x")).0, "x");
}

#[test]
fn a_line_that_is_not_whole_goes_on_until_an_empty_one() {
    let mut widget = prompted();
    let mut goes_on = |text: &str| {
        widget.ask();
        tell(&mut widget, &format!("line;1;;{text}"))
            .unwrap()
            .goes_on
    };
    assert!(goes_on("for i in 1; do"));
    assert!(!goes_on("for i in 1; do"), "Enter on nothing more");
    assert!(goes_on("for i in 1; do%0adate"));
    assert!(!goes_on("for i in 1; do%0adate%0adone"));
}

#[test]
fn what_is_typed_to_a_program_is_its_own_where_it_runs_no_commands() {
    let reader = |line: &str| {
        let mut widget = prompted();
        widget.submitted(Input::of(line, &reading_of(line, Dialect::Bash)));
        widget.reader()
    };
    for line in [
        "vim x",
        "less /etc/passwd",
        "top",
        "cat > x",
        "/usr/bin/less x",
        "nano",
        "sudo vim x",
    ] {
        assert_eq!(reader(line), Reader::Program, "{line}");
    }
    for line in [
        "bash",
        "./deploy.sh",
        "./less",
        "/tmp/less x",
        "sudo -i",
        "sudo bash",
        "su",
        "ssh db2",
        "tmux",
        "screen -x",
        "python3",
        "mysql",
        "$X",
        "exec zsh",
        "vim x; sh",
        "docker exec -it x sh",
        "sudo -s",
        "script",
        "xargs sh",
        "perl",
        "gdb",
        ". x",
        "env sh",
        "kubectl exec -it x -- bash",
        "nc -l 1",
    ] {
        assert_eq!(reader(line), Reader::Unknown, "{line}");
    }
}

#[test]
fn what_is_resumed_may_be_a_shell_once_there_was_one() {
    let mut widget = prompted();
    widget.submitted(Input::of("vim x", &reading_of("vim x", Dialect::Bash)));
    widget.output(&report(&widget, "prompt"));
    widget.submitted(Input::of("fg", &reading_of("fg", Dialect::Bash)));
    assert_eq!(widget.reader(), Reader::Program);
    widget.output(&report(&widget, "prompt"));
    widget.submitted(Input::of("bash", &reading_of("bash", Dialect::Bash)));
    widget.output(&report(&widget, "prompt"));
    widget.submitted(Input::of("fg", &reading_of("fg", Dialect::Bash)));
    assert_eq!(widget.reader(), Reader::Unknown);
}

#[test]
fn a_line_that_may_undo_it_is_in_doubt() {
    for line in [
        "bind '\"\\C-t\": accept-line'",
        "PROMPT_COMMAND=",
        "bindkey -e",
        "zle -N x",
        "unset -f __countersign_say",
    ] {
        assert!(reading_of(line, Dialect::Bash).is_opaque(), "{line}");
    }
    assert!(!reading_of("ls -l binding", Dialect::Bash).is_opaque());
}

#[test]
fn the_start_texts_hold_the_nonce_only_where_it_is_read_from_the_terminal() {
    let nonce = nonce();
    let command = String::from_utf8(start::command(&nonce)).unwrap();
    assert!(command.starts_with("exec /bin/sh -c '") && command.ends_with('\''));
    assert_eq!(command.matches('\'').count(), 2, "one word for any shell");
    assert!(!command.contains(['\n', '!']), "a line for any shell");
    assert!(!command.contains(nonce.as_str()) && !command.contains(nonce.digits()));
    for shell in ["bash", "zsh", "fish", "dash"] {
        let text = String::from_utf8(start::installation(shell, &nonce)).unwrap();
        let (length, script) = text.strip_prefix(nonce.token()).unwrap().split_at(4);
        assert!(!length.starts_with('0') && script.is_ascii());
        assert_eq!(length.parse::<usize>().unwrap(), script.len());
        assert_eq!(script.contains(nonce.as_str()), shell != "dash");
        assert_eq!(script.contains(nonce.digits()), shell != "dash");
        assert!(!script.contains("@NONCE@") && !script.contains("@KEY@"));
    }
}

proptest! {
    #[test]
    fn any_output_is_followed_without_panic_and_the_nonce_never_shows(
        pieces in prop::collection::vec(
            prop_oneof![
                prop::collection::vec(any::<u8>(), 0..20),
                Just(b"\x1b]7878;".to_vec()),
                Just(b"\x1b]7878;NONCE".to_vec()),
                Just(b";line;1;;0;2;ls".to_vec()),
                Just(b";prompt".to_vec()),
                Just(b"\x07".to_vec()),
            ],
            0..30,
        )
    ) {
        let mut widget = prompted();
        widget.ask();
        let nonce = widget.reports.nonce().clone();
        let ours = format!("\x1b]7878;{}", nonce.as_str());
        let mut shown = Vec::new();
        for piece in pieces {
            let piece = match piece.as_slice() {
                b"\x1b]7878;NONCE" => ours.as_bytes().to_vec(),
                _ => piece,
            };
            shown.extend_from_slice(&widget.output(&Bytes::from(piece)).0);
            let _ = widget.told();
        }
        prop_assert!(!String::from_utf8_lossy(&shown).contains(nonce.as_str()));
    }
}
