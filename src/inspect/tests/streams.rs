//! What becomes of standard input.

use proptest::prelude::*;

use super::*;

#[test]
fn a_shell_or_an_interpreter_that_is_given_nothing_else_runs_its_input() {
    use StandardInput::{Code, Commands, Data};
    for (text, input) in [
        ("bash", Commands),
        ("/bin/sh -s one two", Commands),
        ("bash -e", Commands),
        ("env X=1 nice bash", Commands),
        ("cd /srv && bash", Commands),
        ("sudo -s", Commands),
        ("sudo bash", Commands),
        ("bash /dev/stdin", Commands),
        ("sh -c bash", Commands),
        ("python3 -", Code),
        ("python3.11 -u", Code),
        ("psql -U postgres db", Code),
        ("psql -c 'select 1'", Data),
        ("perl -e 'print 1'", Data),
        ("bash script.sh", Data),
        ("bash < script.sh", Data),
        ("echo id | bash", Data),
        ("cat > /tmp/file", Data),
        ("tar x", Data),
    ] {
        let reading = piped(text.as_bytes());
        assert_eq!(reading.input, input, "{text}");
        if input != Data {
            assert!(reading.is_opaque(), "{text}");
        }
    }
    assert_eq!(exec(b"bash").input, Data);
}

proptest! {
    #[test]
    fn a_client_s_input_makes_a_reading_stricter_and_never_laxer(text in soup()) {
        let (alone, fed) = (exec(text.as_bytes()), piped(text.as_bytes()));
        prop_assert!(alone.input.is_data());
        prop_assert_eq!(&alone.commands, &fed.commands);
        prop_assert!(alone.unknowns.iter().all(|unknown| fed.unknowns.contains(unknown)) || fed.unknowns.len() >= 16);
        prop_assert!(fed.input.is_data() || fed.is_opaque());
    }
}

#[test]
fn a_script_is_read_with_the_shell_that_runs_it() {
    let reading = fed(
        b"bash",
        b"cd /srv\nif true\nthen sudo systemctl restart nginx > log\nfi\n",
    );
    assert!(reading.is_opaque());
    assert_eq!(reading.elevation, BTreeSet::from(["sudo".to_owned()]));
    let programs = reading.programs();
    assert!(
        ["bash", "cd", "systemctl"]
            .iter()
            .all(|p| programs.contains(*p)),
        "{programs:?}"
    );
    assert_eq!(reading.paths, ["log"]);
    let reading = fed(b"python3", b"import os\nos.system('sudo id')\n");
    assert_eq!(reading.elevation, BTreeSet::from(["sudo".to_owned()]));
    assert_eq!(reading.input, StandardInput::Code);
}

proptest! {
    #[test]
    fn any_bytes_as_a_script_are_read_and_stay_in_doubt(command in "(bash|python3|sudo -s|.{0,10})", script in prop::collection::vec(any::<u8>(), 0..200)) {
        let reading = fed(command.as_bytes(), &script);
        prop_assert!(reading.input.is_data() || reading.is_opaque());
    }
}

#[test]
fn what_reads_its_input_takes_what_is_typed_behind_it() {
    for text in [
        "head -c 6",
        "head -n5",
        "cat",
        "cat -",
        "cat file -",
        "cat /dev/stdin",
        "cd /dev; cat tty",
        "tail -c 3 -",
        "grep -c x",
        "grep -f - file",
        "grep x < /dev/tty",
        "wc --files0-from=-",
        "tr a b",
        "cut -d : -f 1",
        "read -n 6 x",
        "sha256sum -c",
        "id; head -c 1",
        "head -c 6 <&0",
        "head -c 6 $file",
        "while true; do head -c 1; done",
        "x=$(head -c 6)",
        "env head -c 6",
    ] {
        assert!(typed(text.as_bytes()).is_opaque(), "{text}");
        assert!(lines(text.as_bytes()).is_opaque(), "{text}");
    }
    for text in [
        "head -c 6 file",
        "head -n 5 /var/log/syslog",
        "tail -f /var/log/syslog",
        "cat a b",
        "grep -c x file",
        "grep -e x file",
        "ps aux | grep -v grep | head -5",
        "cut -d : -f 1 /etc/passwd",
        "wc -l < file",
        "df -h | tr -s ' '",
        "sha256sum file",
        "echo hello",
    ] {
        assert!(!typed(text.as_bytes()).is_opaque(), "{text}");
    }
    assert!(
        !exec(b"head -c 6").is_opaque(),
        "its input is data to an exec request"
    );
}
