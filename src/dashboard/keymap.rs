//! Keys, and the orders they give in each place of the dashboard.
//!
//! The tables here are the only place that ties a key to an order: the footer, the help and the update all
//! read them, so that what the screen promises is what a key does.

mod decoder;

pub use decoder::{KeyDecoder, PASTE_BYTES};

/// One key as the terminal sent it, or a whole pasted text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A character.
    Char(char),
    /// A letter with Ctrl, in lower case.
    Ctrl(char),
    /// Enter, also that of the keypad.
    Enter,
    /// Escape alone.
    Escape,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// Home.
    Home,
    /// End.
    End,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// A bracketed paste: a text, never keys.
    Paste(String),
}

/// Something that a key tells the dashboard to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Choose the one above.
    Previous,
    /// Choose the one below.
    Next,
    /// Choose the first.
    First,
    /// Choose the last.
    Last,
    /// Scroll the text up by a line.
    LineUp,
    /// Scroll the text down by a line.
    LineDown,
    /// Scroll the text up by a page.
    PageUp,
    /// Scroll the text down by a page.
    PageDown,
    /// Give the chosen request the whole window, or the list its place back.
    Enlarge,
    /// Show what waits.
    ShowWaiting,
    /// Show the sessions.
    ShowSessions,
    /// Show what was decided.
    ShowHistory,
    /// Show the targets.
    ShowTargets,
    /// Show the next view.
    NextView,
    /// Show the view before.
    PreviousView,
    /// Open the dialogue that approves.
    Approve,
    /// Open the dialogue that refuses.
    Refuse,
    /// Watch the chosen session, or replay it when it has ended.
    Open,
    /// Open the dialogue that ends the chosen session.
    End,
    /// Write what the lists are narrowed to.
    Filter,
    /// Leave the lists narrowed.
    KeepFilter,
    /// Show the lists whole again.
    ClearFilter,
    /// Order the lists by something else.
    Sort,
    /// Show or leave the help.
    Help,
    /// Leave the dialogue, notice or help.
    Close,
    /// Approve for once, or again in the same session.
    Times,
    /// Give the answer.
    Submit,
    /// Move the cursor left.
    CursorLeft,
    /// Move the cursor right.
    CursorRight,
    /// Move the cursor to the start.
    CursorStart,
    /// Move the cursor to the end.
    CursorEnd,
    /// Erase the character before the cursor.
    EraseBefore,
    /// Erase the character at the cursor.
    EraseAt,
    /// Erase the word before the cursor.
    EraseWord,
    /// Erase everything before the cursor.
    EraseLine,
    /// Leave the dashboard.
    Quit,
}

/// Where a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The list of what waits, with the chosen one beside it.
    Waiting,
    /// The chosen request in the whole window.
    Enlarged,
    /// The sessions.
    Sessions,
    /// What was decided.
    History,
    /// The targets.
    Targets,
    /// The line that narrows the lists.
    Filter,
    /// The help.
    Help,
    /// The dialogue that answers.
    Dialogue,
    /// A notice that has to be seen before anything goes on.
    Notice,
}

/// Where a binding is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// In the footer and in the help.
    Footer,
    /// In the help only.
    Help,
    /// Nowhere: another binding speaks for it.
    Silent,
}

/// Keys that give one order, with the words for people.
#[derive(Debug)]
pub struct Binding {
    /// The keys, each of which will do.
    pub keys: &'static [Key],
    /// What they do.
    pub order: Order,
    /// The keys in print.
    pub label: &'static str,
    /// What they do in print.
    pub says: &'static str,
    /// Where it is told.
    pub told: Told,
}

const fn bind(
    keys: &'static [Key],
    order: Order,
    label: &'static str,
    says: &'static str,
    told: Told,
) -> Binding {
    Binding {
        keys,
        order,
        label,
        says,
        told,
    }
}

const fn silent(keys: &'static [Key], order: Order) -> Binding {
    bind(keys, order, "", "", Told::Silent)
}

use Key::{Char, Ctrl};
use Told::{Footer, Help};

#[rustfmt::skip]
const WAITING: &[Binding] = &[
    bind(&[Char('a')], Order::Approve, "a", "approve", Footer),
    bind(&[Char('r')], Order::Refuse, "r", "refuse", Footer),
    bind(&[Key::Up, Char('k')], Order::Previous, "↑↓", "choose", Footer),
    silent(&[Key::Down, Char('j')], Order::Next),
    bind(&[Char(' '), Key::PageDown, Ctrl('d')], Order::PageDown, "space", "scroll", Footer),
    bind(&[Key::PageUp, Char('b'), Ctrl('u')], Order::PageUp, "b", "scroll back", Help),
    silent(&[Char('J')], Order::LineDown),
    silent(&[Char('K')], Order::LineUp),
    bind(&[Key::Enter], Order::Enlarge, "enter", "enlarge", Footer),
    bind(&[Key::Home, Char('g')], Order::First, "home end", "first, last", Help),
    silent(&[Key::End, Char('G')], Order::Last),
];

#[rustfmt::skip]
const ENLARGED: &[Binding] = &[
    bind(&[Char('a')], Order::Approve, "a", "approve", Footer),
    bind(&[Char('r')], Order::Refuse, "r", "refuse", Footer),
    bind(&[Key::Up, Char('k'), Char('K')], Order::LineUp, "↑↓", "scroll", Footer),
    silent(&[Key::Down, Char('j'), Char('J')], Order::LineDown),
    bind(&[Char(' '), Key::PageDown, Ctrl('d')], Order::PageDown, "space", "page", Footer),
    silent(&[Key::PageUp, Char('b'), Ctrl('u')], Order::PageUp),
    bind(&[Key::Enter, Key::Escape], Order::Enlarge, "esc", "back", Footer),
];

#[rustfmt::skip]
const SESSIONS: &[Binding] = &[
    bind(&[Key::Up, Char('k')], Order::Previous, "↑↓", "choose", Footer),
    silent(&[Key::Down, Char('j')], Order::Next),
    bind(&[Key::Enter], Order::Open, "enter", "watch, replay", Footer),
    bind(&[Char('x')], Order::End, "x", "end it", Footer),
    bind(&[Key::Home, Char('g')], Order::First, "home end", "first, last", Help),
    silent(&[Key::End, Char('G')], Order::Last),
];

#[rustfmt::skip]
const HISTORY: &[Binding] = &[
    bind(&[Key::Up, Char('k')], Order::Previous, "↑↓", "choose", Footer),
    silent(&[Key::Down, Char('j')], Order::Next),
    bind(&[Key::Home, Char('g')], Order::First, "home end", "first, last", Help),
    silent(&[Key::End, Char('G')], Order::Last),
];

#[rustfmt::skip]
const TARGETS: &[Binding] = &[
    bind(&[Key::Up, Char('k')], Order::Previous, "↑↓", "choose", Footer),
    silent(&[Key::Down, Char('j')], Order::Next),
    bind(&[Key::Home, Char('g')], Order::First, "home end", "first, last", Help),
    silent(&[Key::End, Char('G')], Order::Last),
];

/// What changes a line that is written in.
#[rustfmt::skip]
const WRITING: &[Binding] = &[
    silent(&[Ctrl('w')], Order::EraseWord),
    silent(&[Key::Left, Ctrl('b')], Order::CursorLeft),
    silent(&[Key::Right, Ctrl('f')], Order::CursorRight),
    silent(&[Key::Home, Ctrl('a')], Order::CursorStart),
    silent(&[Key::End, Ctrl('e')], Order::CursorEnd),
    silent(&[Key::Backspace], Order::EraseBefore),
    silent(&[Key::Delete, Ctrl('d')], Order::EraseAt),
];

#[rustfmt::skip]
const FILTER: &[Binding] = &[
    bind(&[Key::Enter], Order::KeepFilter, "enter", "keep it", Footer),
    bind(&[Key::Escape, Ctrl('c')], Order::ClearFilter, "esc", "show all", Footer),
    silent(&[Ctrl('u')], Order::EraseLine),
];

/// What all lists have.
#[rustfmt::skip]
const LISTS: &[Binding] = &[
    bind(&[Char('/')], Order::Filter, "/", "filter", Footer),
    bind(&[Key::Escape], Order::ClearFilter, "esc", "show all", Footer),
    bind(&[Char('s')], Order::Sort, "s", "sort", Help),
];

#[rustfmt::skip]
const EVERYWHERE: &[Binding] = &[
    bind(&[Key::Tab, Key::Right, Char('l')], Order::NextView, "tab", "next view", Help),
    silent(&[Key::BackTab, Key::Left, Char('h')], Order::PreviousView),
    bind(&[Char('1')], Order::ShowWaiting, "1 … 4", "go to a view", Help),
    silent(&[Char('2')], Order::ShowSessions),
    silent(&[Char('3')], Order::ShowHistory),
    silent(&[Char('4')], Order::ShowTargets),
    bind(&[Char('?')], Order::Help, "?", "help", Footer),
    bind(&[Char('q'), Ctrl('c')], Order::Quit, "q", "quit", Footer),
];

#[rustfmt::skip]
const HELP: &[Binding] = &[
    bind(&[Key::Escape, Char('?'), Key::Enter, Char('q')], Order::Close, "esc", "close the help", Footer),
    silent(&[Ctrl('c')], Order::Quit),
];

#[rustfmt::skip]
const DIALOGUE: &[Binding] = &[
    bind(&[Key::Enter], Order::Submit, "enter", "answer", Footer),
    bind(&[Key::Escape, Ctrl('c')], Order::Close, "esc", "leave it waiting", Footer),
    bind(&[Key::Tab], Order::Times, "tab", "for once, or again", Footer),
    bind(&[Ctrl('u')], Order::EraseLine, "ctrl-u", "clear the reason", Footer),
];

#[rustfmt::skip]
const NOTICE: &[Binding] = &[
    bind(&[Key::Enter, Key::Escape], Order::Close, "enter", "go on", Footer),
    silent(&[Ctrl('c')], Order::Quit),
];

/// The bindings of a place, in the order they are told; those that work everywhere come last.
pub fn bindings(place: Place) -> impl Iterator<Item = &'static Binding> {
    let tables: [&[Binding]; 3] = match place {
        Place::Waiting => [WAITING, LISTS, EVERYWHERE],
        Place::Enlarged => [ENLARGED, EVERYWHERE, &[]],
        Place::Sessions => [SESSIONS, LISTS, EVERYWHERE],
        Place::History => [HISTORY, LISTS, EVERYWHERE],
        Place::Targets => [TARGETS, LISTS, EVERYWHERE],
        Place::Filter => [FILTER, WRITING, &[]],
        Place::Help => [HELP, &[], &[]],
        Place::Dialogue => [DIALOGUE, WRITING, &[]],
        Place::Notice => [NOTICE, &[], &[]],
    };
    tables.into_iter().flatten()
}

/// What a key does in a place.
pub fn order(place: Place, key: &Key) -> Option<Order> {
    bindings(place)
        .find(|binding| binding.keys.contains(key))
        .map(|binding| binding.order)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACES: [Place; 9] = [
        Place::Waiting,
        Place::Enlarged,
        Place::Sessions,
        Place::History,
        Place::Targets,
        Place::Filter,
        Place::Help,
        Place::Dialogue,
        Place::Notice,
    ];

    #[test]
    fn no_key_gives_two_orders_in_one_place() {
        for place in PLACES {
            let keys: Vec<&Key> = bindings(place).flat_map(|b| b.keys).collect();
            for key in &keys {
                let times = keys.iter().filter(|other| *other == key).count();
                assert_eq!(times, 1, "{key:?} in {place:?}");
            }
        }
    }

    #[test]
    fn every_place_can_be_left_and_says_how() {
        for place in PLACES {
            let leaves = |order| matches!(order, Order::Quit | Order::Close | Order::ClearFilter);
            let told = bindings(place).any(|b| leaves(b.order) && b.told == Told::Footer);
            assert!(told, "{place:?}");
            assert!(
                order(place, &Key::Ctrl('c')).is_some_and(leaves),
                "{place:?}"
            );
        }
    }

    #[test]
    fn letters_in_the_dialogue_are_text_and_never_orders() {
        for c in ' '..='~' {
            assert_eq!(order(Place::Dialogue, &Key::Char(c)), None);
            assert_eq!(order(Place::Notice, &Key::Char(c)), None);
            assert_eq!(order(Place::Filter, &Key::Char(c)), None);
        }
    }
}
