//! The words and rules of Countersign: pure, without input or output; the time is always an argument.
//!
//! Everything here can be tested without a socket, a clock or a file; `tests/architecture.rs` holds that.

pub mod hexadecimal;

pub mod id;

pub mod name;

pub mod principal;

pub mod target;

pub mod words;

pub mod sudo;

pub mod command;

pub mod forward;

pub mod action;

pub mod request;

pub mod verdict;

pub mod answer;

pub mod hold;

pub mod grant;

pub mod keystroke;

pub mod gate;

pub mod lifecycle;

pub mod recording;

pub mod audit;
