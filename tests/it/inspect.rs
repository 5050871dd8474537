//! `countersign inspect`, measured: on lines that people type, on disguises, and against what bash really runs.

mod disguises;

mod sandbox;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Value, json};

use crate::harness::{Options, Output, Running, World, run};
use sandbox::Sandbox;

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_countersign"))
}

/// What the program answers to lines, one for each, in order.
fn answers(lines: &[String]) -> Vec<Value> {
    let mut input = String::new();
    for (id, line) in lines.iter().enumerate() {
        input.push_str(&json!({"id": id, "line": line}).to_string());
        input.push('\n');
    }
    let mut command = program();
    command.args(["inspect", "--json-lines"]);
    let mut running = Running::start(&mut command);
    running.write(input.as_bytes());
    let output = running.finish().expect_success();
    let answers: Vec<Value> = output
        .text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), lines.len(), "{}", output.stderr);
    for (id, answer) in answers.iter().enumerate() {
        assert_eq!(answer["id"], id, "{answer}");
    }
    answers
}

/// The lines of one kind: `tests/inspect/KIND.jsonl`.
fn corpus(kind: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/inspect/{kind}.jsonl"));
    let text = std::fs::read_to_string(file).unwrap();
    let asked = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    asked
        .map(|asked| asked["line"].as_str().unwrap().to_owned())
        .collect()
}

/// The lines of a kind that are decided otherwise, with the whole answer.
fn wrong(kind: &str, expected: &str) -> (usize, Vec<String>) {
    let lines = corpus(kind);
    let answers = answers(&lines);
    let wrong = lines
        .iter()
        .zip(answers)
        .filter(|(_, answer)| answer["decision"] != expected);
    (
        lines.len(),
        wrong
            .map(|(line, answer)| format!("{line}\n    {answer}"))
            .collect(),
    )
}

/// At most one in two hundred.
fn assert_few(kind: &str, (all, wrong): (usize, Vec<String>)) {
    assert!(all > 200, "{kind}: {all} lines measure nothing");
    assert!(
        wrong.len() * 200 <= all,
        "{kind}: {} of {all}\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn no_elevation_among_the_lines_is_let_through() {
    let (all, missed) = wrong("elevation", "hold");
    assert!(all > 500, "{all} lines measure nothing");
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn hardly_any_line_that_is_opaque_or_starts_a_shell_is_let_through() {
    assert_few("opaque", wrong("opaque", "hold"));
    assert_few("escape", wrong("escape", "hold"));
}

#[test]
fn hardly_any_ordinary_line_is_held() {
    assert_few("ordinary", wrong("ordinary", "allow"));
}

/// How many lines are made when nothing else is asked for.
const CASES: usize = 1500;
/// Ask for more by this variable.
const CASES_VARIABLE: &str = "COUNTERSIGN_INSPECT_CASES";
/// Begins with another seed, a number, so that other lines are made.
const SEED_VARIABLE: &str = "COUNTERSIGN_INSPECT_SEED";

fn number(variable: &str) -> Option<usize> {
    std::env::var(variable)
        .ok()
        .map(|text| text.parse().unwrap())
}

/// The same lines each time, for the same number of them and the same seed.
fn disguised(bin: &Path) -> Vec<String> {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(number(SEED_VARIABLE).unwrap_or(0) as u64).to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    let strategy = disguises::line(bin);
    let cases = number(CASES_VARIABLE).unwrap_or(CASES);
    (0..cases)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect()
}

#[test]
fn whatever_makes_bash_run_sudo_is_held() {
    let sandbox = Sandbox::new();
    let lines = disguised(&sandbox.bin());
    let answers = answers(&lines);
    let ran = sandbox.run(&lines);
    let mut missed = Vec::new();
    let (mut elevated, mut unnamed) = (0, BTreeMap::new());
    for ((line, answer), ran) in lines.iter().zip(&answers).zip(ran) {
        if !ran {
            continue;
        }
        elevated += 1;
        if answer["decision"] == "allow" {
            missed.push(format!("{line}\n    {answer}"));
        } else if answer["facts"]["elevation"].as_array().unwrap().is_empty() {
            assert!(
                answer["facts"]["opaque"] == true
                    || !answer["facts"]["escapes"].as_array().unwrap().is_empty(),
                "{line}\n    {answer}"
            );
            *unnamed
                .entry(answer["facts"]["unknowns"].to_string())
                .or_insert(0) += 1;
        }
    }
    println!(
        "{} lines, {elevated} ran sudo, {} let through",
        lines.len(),
        missed.len()
    );
    println!("held without its name: {unnamed:#?}");
    assert!(
        elevated * 4 > lines.len(),
        "only {elevated} of {} lines ran sudo",
        lines.len()
    );
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

fn inspect(arguments: &[&str]) -> Output {
    run(program().arg("inspect").args(arguments))
}

#[test]
fn people_hear_what_is_decided_of_one_line_and_why() {
    let allowed = inspect(&["ls -l | wc -l"]).expect_success();
    assert!(
        allowed.text().starts_with("allow (exec): programs: ls, wc"),
        "{allowed}"
    );
    let held = inspect(&["ls; 'su'do id; $x"]).expect_success();
    assert!(held.text().starts_with("hold (sudo): "), "{held}");
    assert!(held.text().contains("sudo; could not read"), "{held}");
    assert!(
        held.text().contains("elevation: 'su'do (bytes 4 to 10)"),
        "{held}"
    );
    assert!(
        held.text().contains("decided by the built-in policy"),
        "{held}"
    );
    let none = inspect(&[]).expect_failure();
    assert!(none.stderr.contains("LINE"), "{none}");
}

#[test]
fn an_answer_comes_while_more_lines_are_awaited() {
    let mut command = program();
    command.args(["inspect", "--json-lines"]);
    let mut running = Running::start(&mut command);
    for id in 0..3 {
        running.write(format!("{{\"id\":{id},\"line\":\"uptime\"}}\n").as_bytes());
        running.wait_for_stdout(&format!("{{\"id\":{id},"));
    }
    running.finish().expect_success();
}

#[test]
fn lines_that_are_no_questions_are_answered_and_end_in_a_failure() {
    let mut command = program();
    command.args(["inspect", "--json-lines"]);
    let mut running = Running::start(&mut command);
    running.write(b"{\"id\":1,\"line\":\"uptime\"}\nnonsense\n{\"id\":3,\"line\":\"sudo id\"}\n");
    let ended = running.finish().expect_failure();
    let text = ended.text();
    assert!(text.contains("input line 2: "), "{ended}");
    assert!(text.contains("\"id\":3"), "{ended}");
    assert!(ended.stderr.contains("1 line"), "{ended}");
}

#[test]
fn the_policies_of_a_configuration_decide_for_its_target() {
    let world = World::configured(Options::default());
    let config: PathBuf = world.bastion.config();
    let config = config.to_str().unwrap();
    let decided = |target: &str, groups: &str, line: &str| {
        let output = inspect(&[
            "--config", config, "--target", target, "--groups", groups, line,
        ]);
        let text = output.expect_success().text();
        text.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(decided("db1", "sre", "uptime"), "allow");
    assert_eq!(decided("db1", "dev", "uptime"), "hold");
    assert_eq!(decided("web1", "dev", "uptime"), "allow");
    assert_eq!(decided("db1", "nobody", "uptime"), "deny");
    let unknown = inspect(&[
        "--config", config, "--target", "nowhere", "--groups", "sre", "id",
    ]);
    assert!(unknown.expect_failure().stderr.contains("`nowhere`"));
}
