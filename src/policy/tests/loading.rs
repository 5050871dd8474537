//! What is loaded, what is refused, and how it is told.

use super::*;

fn problems(text: &str) -> Vec<Problem> {
    match load(text) {
        Err(PolicyError::Refused(problems)) => problems,
        other => panic!("{other:?}"),
    }
}

#[test]
fn strict_validation_refuses_typos_and_says_where() {
    for (text, expected) in [
        (
            r#"permit (principal in Grup::"dev", action == Action::"exec", resource);"#,
            "1:22: unrecognized entity type `Grup`",
        ),
        (
            r#"permit (principal, action == Action::"exce", resource);"#,
            "1:30: unrecognized action `Action::\"exce\"`",
        ),
        (
            r#"permit (principal, action == Action::"request:approve", resource);"#,
            "1:30: unrecognized action",
        ),
        (
            r#"permit (principal, action == Action::"exec", resource) when { resource.environment == "x" };"#,
            "1:63: attribute `environment`",
        ),
        (
            r#"permit (principal, action == Action::"exec", resource) when { context.login == 7 };"#,
            "1:63: the types",
        ),
        (
            r#"permit (principal, action == Action::"connect", resource) when { context.command.opaque };"#,
            "1:66: attribute `command`",
        ),
        (
            r#"permit (principal, action == Action::"exec", resource) when { principal.acr == "x" };"#,
            "1:63: unable to guarantee safety",
        ),
        (
            r#"forbid (principal, action == Action::"exec", resource is Session);"#,
            "1:1: policy is impossible",
        ),
    ] {
        let problems = problems(text);
        assert!(
            problems[0]
                .to_string()
                .starts_with(&format!("10-test.cedar:{expected}")),
            "{problems:?}"
        );
    }
}

#[test]
fn what_would_count_for_nothing_is_refused() {
    for (text, expected) in [
        (
            r#"permit (principal in Group::" words", action == Action::"exec", resource);"#,
            "cannot be a group",
        ),
        (
            r#"permit (principal == ?principal, action == Action::"exec", resource);"#,
            "templates",
        ),
        (
            r#"@aprovals("2") permit (principal, action == Action::"request:exec", resource);"#,
            "unknown annotation `@aprovals`",
        ),
        (
            r#"@approvals("2") permit (principal, action == Action::"exec", resource);"#,
            "counts only on a permit",
        ),
        (
            r#"@approvals("2") forbid (principal, action == Action::"request:exec", resource);"#,
            "counts only on a permit",
        ),
        (
            r#"@approvals("2") permit (principal, action, resource);"#,
            "counts only on a permit",
        ),
        (
            r#"@expires("2d") permit (principal, action == Action::"request:exec", resource);"#,
            "`@expires` is `2d`",
        ),
        ("// nothing but a comment", "holds no policy"),
    ] {
        let problems = problems(text);
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains(expected), "{problems:?}");
    }
}

#[test]
fn all_problems_of_all_files_are_told_at_once_with_their_places() {
    let bad_syntax = "permit (principal, action, resource)\nwhen { 1 + };\n";
    let bad_words = "\n@id(\"x\") @foo(\"1\")\npermit (principal, action == Action::\"exec\", resource)\nwhen { resource.nmae == \"x\" };\n";
    let folder = folder(&[
        ("10-a.cedar", bad_syntax),
        ("20-b.cedar", bad_words),
        (
            "30-c.cedar",
            "@id(\"x\") forbid (principal, action == Action::\"exec\", resource);",
        ),
    ]);
    let Err(PolicyError::Refused(problems)) = PolicySet::load(folder.path()) else {
        panic!();
    };
    let places: Vec<(&str, usize)> = problems
        .iter()
        .map(|problem| (problem.file.as_str(), problem.place.unwrap().0))
        .collect();
    let expected = [
        ("10-a.cedar", 2),
        ("20-b.cedar", 2),
        ("20-b.cedar", 4),
        ("30-c.cedar", 1),
    ];
    assert_eq!(places, expected, "{problems:#?}");
    let told = PolicyError::Refused(problems).to_string();
    assert!(told.contains("20-b.cedar:4:"), "{told}");
    assert!(told.contains("nmae"), "{told}");
    assert!(told.contains("`x` is used twice"), "{told}");
}

#[test]
fn folders_that_are_empty_or_too_large_are_refused() {
    let empty = folder(&[
        ("tests.toml", ""),
        (".hidden.cedar", "x"),
        ("a.cedar~", "x"),
    ]);
    assert!(matches!(
        PolicySet::load(empty.path()),
        Err(PolicyError::Empty { .. })
    ));
    let missing = empty.path().join("missing");
    assert!(matches!(
        PolicySet::load(&missing),
        Err(PolicyError::Unreadable { .. })
    ));
    let long = format!("{}{ALLOW}", "/".repeat(FILE_BYTES as usize));
    assert!(problems(&long)[0].message.contains("longer than"));
    let deep = format!("{}1{}", "(".repeat(40), ")".repeat(40));
    let deep = format!("permit (principal, action, resource) when {{ {deep} == 1 }};");
    assert!(problems(&deep)[0].message.contains("nested"));
    let many = folder(&[]);
    for number in 0..=MOST_FILES {
        fs::write(many.path().join(format!("{number}.cedar")), ALLOW).unwrap();
    }
    assert!(matches!(
        PolicySet::load(many.path()),
        Err(PolicyError::TooManyFiles { .. })
    ));
}

#[test]
fn a_policy_without_an_id_is_named_by_its_place() {
    let set = load("// one\npermit (principal, action == Action::\"exec\", resource);").unwrap();
    let names: Vec<&str> = set.rules().map(Rule::name).collect();
    assert_eq!(names, ["10-test.cedar:2"]);
}

#[test]
fn the_digest_tells_names_and_contents_apart() {
    let digest = |files: &[(&str, &str)]| {
        let set = PolicySet::load(folder(files).path()).unwrap();
        set.digest().to_owned()
    };
    let first = digest(&[("a.cedar", ALLOW)]);
    assert_eq!(first, digest(&[("a.cedar", ALLOW)]));
    assert_ne!(first, digest(&[("b.cedar", ALLOW)]));
    assert_ne!(first, digest(&[("a.cedar", &format!("{ALLOW} "))]));
}

/// What the parser could choke on: each within the size that is read, none within what a stack holds without a bound.
#[test]
fn long_and_deep_policies_are_loaded_or_refused_without_exhausting_the_stack() {
    let head = "permit (principal, action == Action::\"exec\", resource) when {";
    for (start, piece, end) in [
        ("", "!", "true"),
        ("0 == ", "-", "1"),
        ("true", " || true", ""),
        ("0 == 1", "+1", ""),
        ("context", ".login", " == 1"),
        ("", "if true then true else ", "true"),
        ("[", "1,", "1].isEmpty()"),
        ("", "(", "1"),
        ("true", "} when {true", ""),
        ("principal", " has a && principal", " has a"),
        ("context.command.programs", ".contains(\"x\")", ""),
    ] {
        for bytes in [1_000, 15_000, 60_000] {
            let body = piece.repeat(bytes / piece.len());
            if let Ok(set) = load(&format!("{head}{start}{body}{end}}};")) {
                let dev = principal("alice", &["dev"]);
                decide(&set, &dev, Action::Exec, &target("prod"));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_as_a_policy_file_are_loaded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.cedar"), bytes).unwrap();
        let _ = PolicySet::load(folder.path());
    }

    #[test]
    fn any_words_of_the_language_are_loaded_or_refused(words in proptest::collection::vec(word(), 0..40)) {
        if let Ok(set) = load(&words.concat()) {
            decide(&set, &principal("alice", &["dev"]), Action::Exec, &target("prod"));
        }
    }
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "permit",
        "forbid",
        " (principal, action, resource) ",
        "when {",
        "}",
        ";",
        "@id(\"x\")",
        "@expires(\"1m\")",
        "principal",
        " in ",
        "Group::\"dev\"",
        "action == Action::\"exec\"",
        "context.login",
        " == ",
        "\"",
        "(",
        ")",
        "[",
        "]",
        ",",
        "!",
        "-",
        "&&",
        "if ",
        " then ",
        " else ",
        " has ",
        " like ",
        "*",
        "ip(\"",
        "//",
        "\n",
        "?principal",
    ];
    prop_oneof![
        proptest::sample::select(words.to_vec()).prop_map(str::to_owned),
        "\\PC{0,3}",
    ]
}
