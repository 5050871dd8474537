//! End-to-end tests: the built program between the real `ssh` and the real `sshd`, with a real OpenID provider.
//!
//! One file a feature; `harness` starts and stops the parts. Every wait is for something expected, with a
//! time-out; what it ran into is in the message of the failure.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at its first surprise"
)]

mod harness;
mod identity;

mod parts;

mod login;

mod reach;

mod transfers;

mod stalls;

mod clients;

mod wire;

mod crowd;

mod idle;

mod certificates;

mod hosts;

mod ending;

mod forwards;

mod holds;

mod admission;

mod signed;

mod bound;

mod line;

mod commands;

mod dashboard;

mod replay;

mod watching;

mod scripts;

mod sudo;

mod audit;

mod postgres;

mod config;

mod inspect;

mod drain;

mod demo;
