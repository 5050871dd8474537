use super::*;
use proptest::prelude::*;

/// A terminal scene: a shell that echoes like a terminal, and the tracker beside it.
fn prompted(prompt: &[u8]) -> LineTracker {
    let mut tracker = LineTracker::new(24, 80);
    tracker.output(prompt);
    tracker
}

/// Keys that are typed one by one, each echoed as it is.
fn echoed(tracker: &mut LineTracker, text: &str) {
    for c in text.chars() {
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        tracker.input(bytes);
        tracker.output(bytes);
    }
}

fn understood_as(tracker: &LineTracker, text: &str) {
    let line = tracker.read();
    assert_eq!(String::from_utf8_lossy(&line.bytes), text);
    assert!(!line.reading.is_opaque(), "{:?}", line.reading.unknowns);
}

fn not_understood(tracker: &LineTracker) -> String {
    let line = tracker.read();
    assert!(
        line.reading.is_opaque(),
        "{:?}",
        String::from_utf8_lossy(&line.bytes)
    );
    String::from_utf8_lossy(&line.bytes).into_owned()
}

#[test]
fn a_typed_line_is_read() {
    let mut tracker = prompted(b"\x1b[?2004h\x1b[01;32mdeploy@db1\x1b[00m:\x1b[01;34m~\x1b[00m$ ");
    echoed(&mut tracker, "sudo systemctl restart nginx");
    understood_as(&tracker, "sudo systemctl restart nginx");
    assert!(tracker.read().reading.elevation.contains("sudo"));
}

#[test]
fn nothing_typed_is_an_empty_line() {
    let tracker = prompted(b"$ ");
    understood_as(&tracker, "");
    assert_eq!(tracker.read().reading, Reading::default());
}

#[test]
fn each_line_begins_at_its_own_prompt() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "ls");
    tracker.submitted(b"\r");
    tracker.output(b"\r\na b c\r\n$ ");
    understood_as(&tracker, "");
    echoed(&mut tracker, "id");
    understood_as(&tracker, "id");
}

#[test]
fn a_prompt_of_two_rows_is_no_part_of_the_line() {
    let mut tracker = prompted(b"[deploy@db1 ~/app]\r\n\x1b[35m> \x1b[0m");
    echoed(&mut tracker, "ls -l");
    understood_as(&tracker, "ls -l");
}

#[test]
fn backspaces_and_kills_are_followed() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo idd");
    tracker.input(b"\x7f");
    tracker.output(b"\x08\x1b[K");
    understood_as(&tracker, "sudo id");
    tracker.input(b"\x15");
    tracker.output(b"\r$ \x1b[K");
    understood_as(&tracker, "");
    echoed(&mut tracker, "ls");
    understood_as(&tracker, "ls");
}

#[test]
fn a_line_from_the_history_is_read_off_the_screen() {
    let mut tracker = prompted(b"$ ");
    tracker.input(b"\x1b[A");
    tracker.output(b"sudo reboot");
    understood_as(&tracker, "sudo reboot");
    tracker.input(b"\x1b[D\x1b[D");
    tracker.output(b"\x08\x08");
    understood_as(&tracker, "sudo reboot");
    tracker.input(b"\x1b[A");
    tracker.output(b"\r$ ls\x1b[K");
    understood_as(&tracker, "ls");
}

#[test]
fn completion_is_read_off_the_screen() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "cat /etc/hostn");
    tracker.input(b"\t");
    tracker.output(b"ame ");
    understood_as(&tracker, "cat /etc/hostname");
}

#[test]
fn completion_that_lists_finds_the_new_prompt() {
    let mut tracker = prompted(b"deploy@db1$ ");
    echoed(&mut tracker, "cat /etc/host");
    tracker.input(b"\t");
    tracker.output(b"\r\nhostname hosts\r\ndeploy@db1$ cat /etc/host");
    echoed(&mut tracker, "s");
    assert_eq!(not_understood(&tracker), "cat /etc/host");
}

#[test]
fn a_history_search_is_read() {
    let mut tracker = prompted(b"deploy@db1:~$ ");
    tracker.input(b"\x12");
    tracker.output(b"\r(reverse-i-search)`': \x1b[K");
    tracker.input(b"reb");
    tracker.output(b"\r(reverse-i-search)`reb': sudo reboot");
    understood_as(&tracker, "sudo reboot");
    tracker.input(b"': ");
    tracker.output(b"\r(reverse-i-search)`reb': ': sudo reboot");
    not_understood(&tracker);
}

#[test]
fn a_cleared_screen_moves_the_prompt() {
    let mut tracker = prompted(b"one\r\ntwo\r\ndeploy@db1$ ");
    echoed(&mut tracker, "sudo id");
    tracker.input(b"\x0c");
    tracker.output(b"\x1b[H\x1b[2Jdeploy@db1$ sudo id");
    understood_as(&tracker, "sudo id");
}

#[test]
fn a_line_that_wraps_is_joined() {
    let mut tracker = prompted(b"deploy@db1:~$ ");
    let long = format!("ls {}; sudo id", "/var/log/syslog ".repeat(20));
    echoed(&mut tracker, &long);
    understood_as(&tracker, &long);
    tracker.input(b"\x1b[D");
    tracker.output(b"\x08");
    understood_as(&tracker, &long);
}

#[test]
fn a_line_that_wraps_at_the_bottom_scrolls_with_the_screen() {
    let mut tracker = LineTracker::new(4, 20);
    tracker.output(b"\r\n\r\n\r\n$ ");
    let long = "ls /aaaaaaaaaaaaaaaaaaaa /bbbbbbbbbbbbbbb";
    echoed(&mut tracker, long);
    understood_as(&tracker, long);
    echoed(&mut tracker, &" /ccccccccccccc".repeat(8));
    not_understood(&tracker);
}

#[test]
fn wide_and_accented_characters_are_read() {
    let mut tracker = prompted("müller@db1 ➜ ".as_bytes());
    let text = format!("touch 漢字 é {}", "漢字".repeat(30));
    echoed(&mut tracker, &text);
    understood_as(&tracker, &text);
}

#[test]
fn what_is_not_echoed_is_opaque_and_not_told() {
    let mut tracker = prompted(b"[sudo] password for deploy: ");
    tracker.input(b"hunter2");
    assert_eq!(not_understood(&tracker), NOT_ECHOED);
    tracker.output(b"*******");
    assert_eq!(not_understood(&tracker), "*******");
    let mut tracker = prompted(b"Password: ");
    tracker.input(b"hunter3\x1b[D");
    assert_eq!(not_understood(&tracker), NOT_ECHOED);
}

#[test]
fn a_faked_echo_is_opaque() {
    let mut tracker = prompted(b"$ ");
    tracker.input(b"sudo id");
    tracker.output(b"ls -l");
    assert_eq!(not_understood(&tracker), "ls -l");
}

#[test]
fn a_faked_full_screen_program_does_not_switch_it_off() {
    let mut tracker = prompted(b"\x1b[?1049h\x1b[H$ ");
    not_understood(&tracker);
    echoed(&mut tracker, "sudo id");
    let line = tracker.read();
    assert!(line.reading.elevation.contains("sudo"));
    tracker.input(b"\x1b[A");
    not_understood(&tracker);
}

#[test]
fn output_that_races_the_echo_is_opaque_or_read_where_it_ends() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo ");
    tracker.output(b"\r\n[1]+ Done\r\n");
    echoed(&mut tracker, "id");
    not_understood(&tracker);
    tracker.output(b"\r\n$ sudo id");
    assert!(tracker.read().reading.elevation.contains("sudo"));
}

#[test]
fn what_is_typed_ahead_is_read_behind_the_prompt() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sleep 5");
    tracker.submitted(b"\r");
    tracker.output(b"\r\n");
    echoed(&mut tracker, "sudo id");
    tracker.output(b"\r\n$ sudo id");
    assert!(tracker.read().reading.elevation.contains("sudo"));
}

#[test]
fn history_expansion_is_opaque() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo !!");
    assert_eq!(not_understood(&tracker), "sudo !!");
}

#[test]
fn an_unfinished_line_makes_the_next_one_opaque_until_an_interrupt() {
    for unfinished in ["echo \"", "for i in 1; do", "cat <<E"] {
        let mut tracker = prompted(b"$ ");
        echoed(&mut tracker, unfinished);
        tracker.submitted(b"\r");
        tracker.output(b"\r\n> ");
        echoed(&mut tracker, "ls");
        not_understood(&tracker);
        tracker.submitted(b"\r");
        tracker.output(b"\r\n> ");
        not_understood(&tracker);
        tracker.input(b"\x03");
        tracker.output(b"^C\r\n$ ");
        echoed(&mut tracker, "ls");
        understood_as(&tracker, "ls");
    }
}

/// Enter, and the next prompt.
fn entered(tracker: &mut LineTracker, prompt: &str) {
    tracker.submitted(b"\r");
    tracker.output(format!("\r\n{prompt}").as_bytes());
}

#[test]
fn an_opaque_line_keeps_its_sudo() {
    for text in [
        "sudo id # x",
        "sudo !$",
        "^ls^sudo id",
        "sudo id \"",
        "select x in a; do sudo id; done",
    ] {
        let mut tracker = prompted(b"$ ");
        echoed(&mut tracker, text);
        not_understood(&tracker);
        assert!(tracker.read().reading.elevation.contains("sudo"), "{text}");
    }
    let mut tracker = prompted(b"$ ");
    tracker.input(b"ls");
    tracker.output(b"sudo id");
    not_understood(&tracker);
    assert!(tracker.read().reading.elevation.contains("sudo"));
}

#[test]
fn a_construct_of_several_lines_ends_with_its_last() {
    for lines in [
        &["for i in 1 2; do", "date", "done"][..],
        &["echo a\\", "b"],
        &["cat <<E", "text", "E"],
        &["echo 'a", "b'"],
    ] {
        let mut tracker = prompted(b"$ ");
        for (at, line) in lines.iter().enumerate() {
            echoed(&mut tracker, line);
            assert_eq!(
                at > 0,
                tracker
                    .read()
                    .reading
                    .unknowns
                    .iter()
                    .any(|u| u.reason.contains("unfinished"))
            );
            entered(&mut tracker, if at + 1 < lines.len() { "> " } else { "$ " });
        }
        understood_as(&tracker, "");
        echoed(&mut tracker, "ls");
        understood_as(&tracker, "ls");
    }
}

#[test]
fn a_line_within_a_construct_keeps_its_sudo() {
    for (first, second) in [
        ("for i in 1; do", "sudo id"),
        ("s\\", "udo id"),
        ("cat <<E", "$(sudo id)"),
        ("echo \"", "\"; sudo id"),
    ] {
        let mut tracker = prompted(b"$ ");
        echoed(&mut tracker, first);
        entered(&mut tracker, "> ");
        echoed(&mut tracker, second);
        not_understood(&tracker);
        assert!(tracker.read().reading.elevation.contains("sudo"), "{first}");
    }
}

#[test]
fn a_construct_that_ended_with_an_error_ends_at_its_prompt() {
    let mut tracker = prompted(b"db1$ ");
    echoed(&mut tracker, "ls )");
    entered(&mut tracker, "syntax error\r\ndb1$ ");
    echoed(&mut tracker, "ls");
    understood_as(&tracker, "ls");
}

#[test]
fn a_key_that_may_have_changed_the_line_leaves_it_opaque_until_enter() {
    for key in [
        &b"\x1b#"[..],
        b"\x1b\x05",
        b"\x16",
        b"\x18\x05",
        b"\x1d",
        b"\x0f",
    ] {
        let mut tracker = prompted(b"db1$ ");
        echoed(&mut tracker, "ls");
        tracker.submitted(key);
        tracker.output(b"\r\ndb1$ sudo id");
        not_understood(&tracker);
        assert!(tracker.read().reading.elevation.contains("sudo"), "{key:?}");
        tracker.input(b"\x05\x15");
        not_understood(&tracker);
        entered(&mut tracker, "db1$ ");
        understood_as(&tracker, "");
        echoed(&mut tracker, "ls");
        understood_as(&tracker, "ls");
    }
}

#[test]
fn an_interrupt_that_left_text_behind_the_prompt_is_no_empty_line() {
    let mut tracker = prompted(b"db1$ ");
    echoed(&mut tracker, "ls");
    tracker.submitted(b"\x1b#");
    tracker.input(b"\x03");
    not_understood(&tracker);
    tracker.output(b"\r\ndb1$ sudo ");
    not_understood(&tracker);
    assert!(tracker.read().reading.elevation.contains("sudo"));
    echoed(&mut tracker, "id");
    understood_as(&tracker, "sudo id");
    let mut tracker = prompted(b"db1$ ");
    tracker.submitted(b"\x1b.");
    tracker.input(b"\x03");
    tracker.output(b"^C\r\ndb1$ ");
    understood_as(&tracker, "");
}

#[test]
fn a_line_that_the_shell_filled_is_read_with_what_is_typed_behind_it() {
    let mut tracker = prompted(b"db1$ ");
    echoed(&mut tracker, "true");
    entered(&mut tracker, "db1$ sudo ");
    assert_eq!(not_understood(&tracker), "sudo ");
    echoed(&mut tracker, "id");
    understood_as(&tracker, "sudo id");
}

#[test]
fn end_of_file_within_a_line_does_not_begin_another() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo idx");
    tracker.input(b"\x02");
    tracker.output(b"\x08");
    tracker.submitted(b"\x04");
    tracker.output(b"\x1b[K");
    understood_as(&tracker, "sudo id");
}

#[test]
fn enter_at_a_fresh_prompt_is_an_empty_line() {
    let mut tracker = prompted(b"Last login: today\r\n\x1b[1mdeploy@db1\x1b[m:~$ ");
    understood_as(&tracker, "");
    entered(&mut tracker, "deploy@db1:~$ ");
    understood_as(&tracker, "");
    echoed(&mut tracker, "cd /srv; clear");
    entered(&mut tracker, "\x1b[H\x1b[2J\x1b[3Jdeploy@db1:/srv$ ");
    understood_as(&tracker, "");
    echoed(&mut tracker, "ls");
    tracker.input(b"\x03");
    tracker.output(b"^C\r\ndeploy@db1:/srv$ ");
    understood_as(&tracker, "");
    echoed(&mut tracker, "ls");
    entered(&mut tracker, "a b\r\ndeploy@db1:/srv$ ");
    understood_as(&tracker, "");
}

#[test]
fn an_interrupt_is_not_believed_because_the_line_wrapped() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo ");
    tracker.input(b"\x03");
    echoed(&mut tracker, &"x".repeat(100));
    not_understood(&tracker);
}

#[test]
fn an_edited_line_at_the_edge_of_the_screen_is_opaque() {
    for tail in ["\\", ">", "x"] {
        let mut tracker = prompted(b"$ ");
        tracker.input(b"\x1b[A");
        tracker.output(format!("ls {}{tail}", "a".repeat(74)).as_bytes());
        not_understood(&tracker);
    }
    let mut tracker = prompted(b"$ ");
    tracker.input(b"\x1b[A");
    tracker.output(b"<-l");
    not_understood(&tracker);
}

#[test]
fn an_interrupt_begins_a_line_only_on_a_new_row() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo ");
    tracker.input(b"\x03");
    not_understood(&tracker);
    echoed(&mut tracker, "id");
    not_understood(&tracker);
    tracker.input(b"\x03");
    tracker.output(b"^C\r\n$ ");
    understood_as(&tracker, "");
    echoed(&mut tracker, "id");
    understood_as(&tracker, "id");
}

#[test]
fn a_line_that_the_shell_may_have_filled_is_opaque() {
    let mut tracker = prompted(b"$ ");
    tracker.input(b"\x1b[A\x1b[A");
    tracker.output(b"true");
    tracker.submitted(b"\x0f");
    tracker.output(b"\r\n$ sudo id");
    not_understood(&tracker);
}

#[test]
fn a_refused_line_is_cleared_and_the_next_is_read() {
    let mut tracker = prompted(b"$ ");
    echoed(&mut tracker, "sudo id");
    tracker.input(b"\x05\x15");
    tracker.output(b"\r$ \x1b[K");
    understood_as(&tracker, "");
    echoed(&mut tracker, "ls");
    understood_as(&tracker, "ls");
}

#[test]
fn the_screen_is_told_in_lines_that_are_safe_to_print() {
    let tracker = prompted("one\r\n\r\ntwo \u{202e}x\r\n$ ".as_bytes());
    assert_eq!(tracker.screen_lines(2).len(), 2);
    assert_eq!(
        tracker.screen_lines(9).first().map(String::as_str),
        Some("one")
    );
    assert!(!tracker.screen_lines(9).concat().contains('\u{202e}'));
}

#[derive(Debug, Clone)]
enum Step {
    Output(Vec<u8>),
    Input(Vec<u8>),
    Submit,
    Resize(u16, u16),
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        any::<u8>(),
        prop::sample::select(
            b"\x1b[]0123456789;?hlHJKABCDPMLSTrm@X\r\n\t\x08 \xe6\xbc\xa2".to_vec()
        ),
    ];
    prop::collection::vec(byte, 0..80)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => bytes().prop_map(Step::Output),
        4 => bytes().prop_map(Step::Input),
        1 => Just(Step::Submit),
        1 => (any::<u16>(), 0..200u16).prop_map(|(rows, columns)| Step::Resize(rows % 60, columns)),
    ];
    prop::collection::vec(step, 0..20)
}

proptest! {
    #[test]
    fn any_bytes_and_sizes_are_followed_without_panic(rows in 0..50u16, columns in 0..120u16, steps in steps()) {
        let mut tracker = LineTracker::new(rows, columns);
        for step in steps {
            match step {
                Step::Output(bytes) => tracker.output(&bytes),
                Step::Input(bytes) => tracker.input(&bytes),
                Step::Submit => tracker.submitted(b"\r"),
                Step::Resize(rows, columns) => tracker.resize(rows, columns),
            }
            let _ = (tracker.read(), tracker.screen_lines(5));
        }
    }

    #[test]
    fn what_was_never_echoed_is_never_told(secret in "[a-zA-Z0-9]{8,20}", keys in bytes()) {
        let mut tracker = prompted(b"Password: ");
        tracker.input(secret.as_bytes());
        tracker.input(&keys);
        let line = tracker.read();
        prop_assert!(!String::from_utf8_lossy(&line.bytes).contains(&secret));
    }
}
