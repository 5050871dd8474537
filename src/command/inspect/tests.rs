use std::collections::BTreeMap;

use clap::Parser;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cli::{Cli, Command};

fn inspector() -> Inspector {
    let parsed = Cli::try_parse_from(["countersign", "inspect", "--json-lines"]).unwrap();
    let Command::Inspect(inspect) = parsed.command else {
        panic!("{parsed:?}");
    };
    Inspector::of(&inspect).unwrap()
}

fn answers(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    lines::answer(input, &mut output, &mut inspector()).unwrap();
    let lines = std::str::from_utf8(&output).unwrap().lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_line_is_answered_in_order_with_its_own_id() {
    let input = "{\"id\":1,\"line\":\"uptime\"}\n{\"id\":\"b\",\"line\":\"sudo id\"}\n\n{\"line\":\"$x\",\"id\":2.5}";
    let answers = answers(input.as_bytes());
    let told: Vec<(&Value, &Value)> = answers
        .iter()
        .map(|it| (&it["id"], &it["decision"]))
        .collect();
    let expected = [
        (&json!(1), &json!("allow")),
        (&json!("b"), &json!("hold")),
        (&json!(2.5), &json!("hold")),
    ];
    assert_eq!(told, expected);
    assert_eq!(answers[1]["facts"]["action"], "sudo");
    assert_eq!(answers[1]["facts"]["elevation"], json!(["sudo"]));
    assert_eq!(answers[2]["facts"]["opaque"], true);
}

#[test]
fn a_line_that_cannot_be_understood_is_refused_and_the_next_one_is_answered() {
    for wrong in [
        "nonsense".to_owned(),
        "{\"line\":\"id\"}".to_owned(),
        "{\"id\":7}".to_owned(),
        "{\"id\":{},\"line\":\"id\"}".to_owned(),
        "{\"id\":1,\"line\":5}".to_owned(),
        format!(
            "{{\"id\":1,\"line\":\"{}\"}}",
            "x".repeat(lines::LINE_BYTES)
        ),
    ] {
        let input = format!("{wrong}\n{{\"id\":2,\"line\":\"id\"}}\n");
        let answers = answers(input.as_bytes());
        assert_eq!(answers.len(), 2, "{wrong:.60}");
        assert_eq!(answers[0]["decision"], "deny", "{wrong:.60}");
        assert!(answers[0]["error"].is_string(), "{wrong:.60}");
        assert_eq!(answers[1]["decision"], "allow", "{wrong:.60}");
    }
    assert_eq!(answers(b"{\"id\":7}")[0]["id"], 7);
}

#[test]
fn people_are_shown_the_part_that_could_not_be_read() {
    let line = "ls; $x id";
    let shown = told(line, &inspector().inspect(line));
    assert!(shown.starts_with("hold (exec): "), "{shown}");
    assert!(shown.trim_end().ends_with(": $x (bytes 4 to 6)"), "{shown}");
}

#[test]
fn the_risky_parts_of_a_line_are_told_with_their_places() {
    let line = "ls; vim x; sudo id";
    let inspected = inspector().inspect(line);
    let shown = told(line, &inspected);
    assert!(
        shown.contains("elevation: sudo (bytes 11 to 15)"),
        "{shown}"
    );
    assert!(
        shown.contains("can start a shell: vim (bytes 4 to 7)"),
        "{shown}"
    );
    let answered = serde_json::to_value(&inspected).unwrap();
    assert_eq!(
        answered["facts"]["marks"],
        json!([{"span": [4, 7], "risk": "escape"}, {"span": [11, 15], "risk": "elevation"}])
    );
}

#[test]
fn a_line_that_cannot_be_understood_is_named_by_its_number_and_counted() {
    let input = "{\"id\":1,\"line\":\"id\"}\n\nnonsense\n{\"id\":2}\n";
    let mut output = Vec::new();
    let refused = lines::answer(input.as_bytes(), &mut output, &mut inspector()).unwrap();
    assert_eq!(refused, 2);
    let told = String::from_utf8(output).unwrap();
    assert!(told.contains("input line 3: "), "{told}");
    assert!(told.contains("input line 4: "), "{told}");
    assert!(!told.contains("at line 1"), "{told}");
}

#[test]
fn what_is_ordinary_for_one_login_is_held_for_root() {
    let mut inspector = inspector();
    inspector.login = "root".parse().unwrap();
    assert_eq!(inspector.inspect("uptime").decision, "hold");
}

proptest! {
    #[test]
    fn any_bytes_are_answered_or_refused(input: Vec<u8>) {
        let given = input.split(|byte| *byte == b'\n');
        let given = given.filter(|line| !line.trim_ascii().is_empty()).count();
        prop_assert_eq!(answers(&input).len(), given);
    }

    #[test]
    fn any_text_as_a_line_is_decided(line: String, id: i64) {
        let asked = serde_json::to_vec(&BTreeMap::from([("id", json!(id)), ("line", json!(line))])).unwrap();
        let answers = answers(&asked);
        prop_assert_eq!(answers.len(), 1);
        prop_assert_eq!(&answers[0]["id"], &json!(id));
        prop_assert!(answers[0]["facts"]["opaque"].is_boolean());
    }
}
