//! The approver's dashboard: what waits, what runs and what was decided, on a terminal behind an SSH channel.
//!
//! It owns the screen's state, its keys and its drawing. Messages go in ([`update::Message`]), actions come
//! out ([`update::Action`]); [`view::draw`] changes nothing. Its invariant: an answer names the hold and the
//! digest of the very command that stood in the dialogue when the key was pressed, never anything that came
//! into its place later.
//!
//! It does not talk to channels, clocks or stores, decides nothing (an answer is only asked for; who may
//! answer is judged elsewhere, again), and prints nothing from outside that is not made visible first.

pub mod keymap;

pub mod model;

pub mod view;

pub mod update;

pub mod terminal;

#[cfg(test)]
mod tests;
