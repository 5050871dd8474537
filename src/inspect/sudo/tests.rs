use proptest::prelude::*;

use super::*;

fn reading(words: &[&str]) -> Reading {
    read(&SudoRequest::for_tests(words))
}

fn facts(words: &[&str]) -> SudoFacts {
    *reading(words).sudo.unwrap()
}

fn doubts(words: &[&str]) -> Vec<String> {
    let unknowns = reading(words).unknowns.into_iter();
    unknowns.map(|unknown| unknown.reason).collect()
}

#[test]
fn the_words_of_a_sudo_are_what_they_are() {
    let words = [
        "sudo",
        "-u",
        "postgres",
        "--",
        "/usr/bin/psql",
        "-c",
        "select $1; `x`",
    ];
    let read = reading(&words);
    assert!(!read.is_opaque(), "{read:?}");
    assert_eq!(read.programs(), BTreeSet::from(["psql".to_owned()]));
    assert_eq!(read.commands[0].words[2], "select $1; `x`");
    assert!(read.elevation.contains("sudo"));
    let facts = facts(&words);
    assert_eq!(facts.program.as_deref(), Some("psql"));
    assert_eq!(facts.words, "/usr/bin/psql -c 'select $1; `x`'");
    assert_eq!(facts.run_as, RunAs::Named("postgres".to_owned()));
    assert_eq!(facts.folder, "/srv");
    assert!(facts.whole);
}

#[test]
fn whom_it_runs_as_is_read_from_every_spelling() {
    let named = |account: &str| RunAs::Named(account.to_owned());
    assert_eq!(facts(&["sudo", "id"]).run_as, RunAs::Default);
    assert_eq!(facts(&["sudo", "-nu#0", "id"]).run_as, named("#0"));
    assert_eq!(facts(&["sudo", "--user=a", "id"]).run_as, named("a"));
    assert_eq!(facts(&["sudo", "--user", "a", "id"]).run_as, named("a"));
    assert_eq!(
        facts(&["sudo", "-u", "a", "A=b", "-u", "b", "id"]).run_as,
        named("b")
    );
    assert_eq!(facts(&["sudo", "-g", "wheel", "id"]).run_as, RunAs::Unknown);
    assert_eq!(facts(&["sudo", "id", "-u", "a"]).run_as, RunAs::Default);
}

#[test]
fn a_word_that_an_empty_one_could_stand_before_is_in_doubt() {
    assert_eq!(doubts(&["sudo", "-p", "ls", "touch", "x"]), [EMPTY_PROMPT]);
    assert_eq!(
        doubts(&["sudo", "--prompt", "./a b", "touch"]),
        [EMPTY_PROMPT]
    );
    assert_eq!(facts(&["sudo", "-p", "ls", "touch", "x"]).program, None);
    for prompt in [
        &["sudo", "-p", "[via ansible] password:", "id"][..],
        &["sudo", "-pls", "id"],
    ] {
        assert!(doubts(prompt).is_empty(), "{prompt:?}");
        assert_eq!(facts(prompt).program.as_deref(), Some("id"));
    }
    assert_eq!(doubts(&["sudo", "nice", "-n", "5", "id"]), [BEHIND_OPTIONS]);
    assert_eq!(doubts(&["sudo", "env", "A=b", "id"]), [BEHIND_OPTIONS]);
    assert!(doubts(&["sudo", "bash", "-c", "nice id"]).is_empty());
}

#[test]
fn a_shell_and_what_goes_through_one_is_no_program_of_its_own() {
    for words in [
        &["sudo", "-i"][..],
        &["sudo", "-s"],
        &["sudo", "bash"],
        &["sudo", "su"],
    ] {
        assert!(!reading(words).escapes.is_empty(), "{words:?}");
    }
    for words in [
        &["sudo", "-i", "id"][..],
        &["sudo", "-s", "id"],
        &["sudo", "-ni", "id"],
    ] {
        assert!(
            doubts(words).contains(&SHELL_BETWEEN.to_owned()),
            "{words:?}"
        );
        assert_eq!(facts(words).program, None, "{words:?}");
    }
}

#[test]
fn what_moves_it_elsewhere_or_hides_its_environment_is_in_doubt() {
    for (words, doubt) in [
        (&["sudo", "-R", "/x", "id"][..], ELSEWHERE),
        (&["sudo", "-D/x", "id"], ELSEWHERE),
        (&["sudo", "-E", "id"], ENVIRONMENT),
        (&["sudo", "--preserve-env=A", "id"], ENVIRONMENT),
        (&["id", "id"], ANOTHER_NAME),
        (&["xedit", "id"], ANOTHER_NAME),
    ] {
        assert!(doubts(words).contains(&doubt.to_owned()), "{words:?}");
    }
    assert!(reading(&["sudo", "LD_PRELOAD=x", "id"]).is_opaque());
    assert!(reading(&["sudo", "--unknown", "id"]).is_opaque());
    assert!(reading(&["sudo", &"x".repeat(255)]).is_opaque());
}

#[test]
fn a_first_word_that_would_be_another_program_behind_an_empty_one_is_in_doubt() {
    for first in [
        "./sudo",
        "bin/sudo",
        "/tmp/sudo",
        "/usr/bin/../sudo",
        "//sudo",
        "/sudo",
        "./sudoedit",
    ] {
        let words = [first, "id"];
        assert_eq!(doubts(&words), [ANOTHER_NAME], "{first}");
    }
    for first in ["sudo", "/usr/bin/sudo", "/bin/sudo"] {
        let words = [first, "id"];
        assert!(doubts(&words).is_empty(), "{first}");
        assert_eq!(facts(&words).program.as_deref(), Some("id"), "{first}");
    }
}

#[test]
fn a_sudo_that_starts_nothing_names_no_program() {
    for words in [
        &["sudo", "-l"][..],
        &["sudo", "-v"],
        &["sudoedit", "/etc/x"],
        &["sudo", "-e", "x"],
    ] {
        let facts = facts(words);
        assert_eq!(
            (facts.program, facts.words.as_str()),
            (None, ""),
            "{words:?}"
        );
    }
    assert!(
        reading(&["/usr/bin/sudoedit", "x"])
            .escapes
            .contains("sudoedit")
    );
}

proptest! {
    #[test]
    fn any_words_are_read(words in prop::collection::vec("[^\0]{1,12}", 1..12)) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let read = reading(&words);
        prop_assert!(read.elevation.contains("sudo"));
        prop_assert!(read.sudo.is_some());
    }

    #[test]
    fn words_with_options_are_read_and_name_no_program_before_them(
        options in prop::collection::vec("-[A-Za-z]{1,3}", 0..5),
    ) {
        let words: Vec<&str> = ["sudo"].into_iter().chain(options.iter().map(String::as_str)).collect();
        prop_assert_eq!(facts(&words).program, None);
    }
}
