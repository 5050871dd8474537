//! A choice in a list, kept by identifier.

/// What is chosen in a list. The row is remembered only to stay near it when the chosen one goes.
#[derive(Debug, Clone)]
pub struct Chosen<Id> {
    id: Option<Id>,
    row: usize,
    /// Whether somebody moved it.
    moved: bool,
}

/// Where to move a choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// To the one above.
    Previous,
    /// To the one below.
    Next,
    /// To the first.
    First,
    /// To the last.
    Last,
}

impl<Id> Default for Chosen<Id> {
    fn default() -> Self {
        Self {
            id: None,
            row: 0,
            moved: false,
        }
    }
}

impl<Id: PartialEq> Chosen<Id> {
    /// The chosen one; `None` when the list is empty.
    pub fn id(&self) -> Option<&Id> {
        self.id.as_ref()
    }

    /// The row it stood in when the list was last seen.
    pub fn row(&self) -> usize {
        self.row
    }

    /// Finds the chosen one again in the list as it is now, or chooses what stands in its place.
    /// Says whether something else took the place of what was chosen.
    pub fn keep(&mut self, ids: impl IntoIterator<Item = Id>) -> bool {
        let ids: Vec<Id> = ids.into_iter().collect();
        let found = ids.iter().position(|id| Some(id) == self.id.as_ref());
        if let Some(row) = found {
            self.row = row;
            return false;
        }
        let had = self.id.is_some();
        self.choose(ids, self.row);
        had && self.id.is_some()
    }

    /// [`Chosen::keep`] for a list whose newest comes first: as long as nobody moved the choice, it is that one.
    pub fn keep_newest(&mut self, ids: impl IntoIterator<Item = Id>) {
        if self.moved {
            self.keep(ids);
        } else {
            self.choose(ids.into_iter().collect(), 0);
        }
    }

    /// Moves the choice within the list.
    pub fn step(&mut self, ids: impl IntoIterator<Item = Id>, to: Move) {
        self.moved = true;
        let ids: Vec<Id> = ids.into_iter().collect();
        let row = match to {
            Move::Previous => self.row.saturating_sub(1),
            Move::Next => self.row.saturating_add(1),
            Move::First => 0,
            Move::Last => usize::MAX,
        };
        self.choose(ids, row);
    }

    fn choose(&mut self, ids: Vec<Id>, row: usize) {
        self.row = row.min(ids.len().saturating_sub(1));
        self.id = ids.into_iter().nth(self.row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_is_chosen_until_somebody_moves_the_choice() {
        let mut chosen = Chosen::default();
        chosen.keep_newest(['b', 'c']);
        chosen.keep_newest(['a', 'b', 'c']);
        assert_eq!(chosen.id(), Some(&'a'));
        chosen.step(['a', 'b', 'c'], Move::Next);
        chosen.keep_newest(['z', 'a', 'b', 'c']);
        assert_eq!((chosen.id(), chosen.row()), (Some(&'b'), 2));
    }

    #[test]
    fn a_choice_follows_what_was_chosen_and_not_its_row() {
        let mut chosen = Chosen::default();
        chosen.keep(['a', 'b', 'c']);
        chosen.step(['a', 'b', 'c'], Move::Next);
        assert_eq!(chosen.id(), Some(&'b'));
        assert!(!chosen.keep(['x', 'y', 'b']));
        assert_eq!((chosen.id(), chosen.row()), (Some(&'b'), 2));
    }

    #[test]
    fn what_takes_the_place_of_the_chosen_one_is_told() {
        let mut chosen = Chosen::default();
        assert!(!chosen.keep(['a', 'b']));
        assert!(chosen.keep(['b']));
        assert_eq!(chosen.id(), Some(&'b'));
        assert!(!chosen.keep([]));
        assert_eq!(chosen.id(), None);
    }

    #[test]
    fn a_choice_stays_within_its_list() {
        let mut chosen = Chosen::default();
        for (to, expected) in [
            (Move::Last, 'c'),
            (Move::Next, 'c'),
            (Move::First, 'a'),
            (Move::Previous, 'a'),
        ] {
            chosen.step(['a', 'b', 'c'], to);
            assert_eq!(chosen.id(), Some(&expected));
        }
    }
}
