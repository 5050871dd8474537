//! What Countersign costs beside a stock OpenSSH jump host: `cargo bench` prints every figure of the README.
//!
//! `cargo bench -- bulk memory` prints some of them: `connect`, `bulk`, `keystroke`, `memory`, `stall`, `load`,
//! `files`; and `soak`, only where it is asked for, gets one large file twenty times. Nothing is asserted about time; that what was measured worked is: byte counts, contents, recordings and
//! audit. All ways lead to the same `sshd` and take turns, so that a busy machine is as busy for each of them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement stops at its first surprise"
)]

#[path = "../../tests/it"]
mod it {
    #[allow(
        dead_code,
        unused_imports,
        reason = "the harness has more than is needed here"
    )]
    pub(crate) mod harness;
}

mod meter;

mod table;

mod road;

mod bulk;

mod connect;

mod files;

mod keystroke;

mod load;

mod soak;

mod memory;

mod stall;

use road::Road;

/// Measures one thing and prints its table.
type Topic = fn(&Road);

/// Everything that can be measured, in order.
const TOPICS: [(&str, Topic); 7] = [
    ("connect", connect::measure),
    ("bulk", bulk::measure),
    ("keystroke", keystroke::measure),
    ("memory", memory::measure),
    ("stall", stall::measure),
    ("load", load::measure),
    ("files", files::measure),
];

/// What is run only where it is asked for.
const SOAK: (&str, Topic) = ("soak", soak::run);

fn main() {
    // Cargo adds options of its own harness.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    for word in &asked {
        let known = TOPICS.iter().chain([&SOAK]).any(|(name, _)| name == word);
        assert!(known, "there is no figure `{word}`");
    }
    println!("program  {}", env!("CARGO_BIN_EXE_countersign"));
    let wanted = |name: &str| asked.iter().any(|word| word == name);
    let topics = TOPICS
        .iter()
        .filter(|(name, _)| asked.is_empty() || wanted(name))
        .chain([&SOAK].into_iter().filter(|(name, _)| wanted(name)));
    for (name, measure) in topics {
        println!("\n== {name}");
        // Each begins with processes that nothing was done to before.
        let road = Road::build();
        measure(&road);
        road.settle_accounts();
    }
}

/// A number from the environment, to measure more or less than usual.
fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name).map_or(usual, |text| text.parse().expect("a number"))
}
