//! What an arithmetic expression evaluates: numbers, operators, and the values of variables, which the shell reads as
//! expressions in turn. An array index in such a value can hold a command.
//!
//! It tells the names; `variables` knows whether their values are numbers. What it does not know is not arithmetic.

use super::super::produce;
use super::Script;

const NOT_READ: &str = "arithmetic that could not be read";
const PARAMETER: &str = "arithmetic over a parameter, whose value is evaluated";

/// Adds what an expression evaluates and runs to the script.
pub(super) fn read(expression: &str, script: &mut Script) {
    let mut scan = Scan {
        left: expression,
        operand: false,
        script,
    };
    if let Err(why) = scan.run() {
        script.unknowns.push(why);
    }
}

struct Scan<'a, 's> {
    left: &'a str,
    /// Whether an operand ended here: two of them in a row are no arithmetic, but may be a command to another shell.
    operand: bool,
    script: &'s mut Script,
}

impl<'a> Scan<'a, '_> {
    fn run(&mut self) -> Result<(), &'static str> {
        while let Some(c) = self.left.chars().next() {
            match c {
                c if c.is_whitespace() => self.skip(c.len_utf8()),
                '0'..='9' => {
                    self.take(|c| c.is_ascii_alphanumeric() || "#@_".contains(c));
                    self.operand()?;
                }
                c if c.is_ascii_alphabetic() || c == '_' => {
                    let name = self.take(|c| c.is_ascii_alphanumeric() || c == '_');
                    let after = self.left.trim_start();
                    if after.starts_with('=') && !after.starts_with("==") {
                        self.script.assigned.push(name.to_owned());
                    }
                    self.script.evaluated.push(name.to_owned());
                    self.operand()?;
                }
                '$' => {
                    self.dollar()?;
                    self.operand()?;
                }
                '(' | '[' => {
                    self.skip(1);
                    self.operand = false;
                }
                ')' | ']' => {
                    self.skip(1);
                    self.operand = true;
                }
                '+' | '-' if self.left.starts_with("++") || self.left.starts_with("--") => {
                    self.skip(2)
                }
                '+' | '-' | '*' | '/' | '%' | '<' | '>' | '=' | '!' | '&' | '|' | '^' | '~'
                | '?' | ':' | ',' => {
                    self.skip(1);
                    self.operand = false;
                }
                _ => return Err(NOT_READ),
            }
        }
        Ok(())
    }

    fn operand(&mut self) -> Result<(), &'static str> {
        if std::mem::replace(&mut self.operand, true) {
            return Err(NOT_READ);
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.left = self.left.get(bytes..).unwrap_or_default();
    }

    fn take(&mut self, of: impl Fn(char) -> bool) -> &'a str {
        let end = self.left.find(|c| !of(c)).unwrap_or(self.left.len());
        let (taken, left) = self.left.split_at_checked(end).unwrap_or_default();
        self.left = left;
        taken
    }

    fn dollar(&mut self) -> Result<(), &'static str> {
        self.skip(1);
        let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        match self.left.chars().next() {
            Some('#' | '?' | '$' | '!') => {
                self.skip(1);
                Ok(())
            }
            // Another expression, or a command in brackets: they are hard to tell apart.
            Some('(') if self.left.starts_with("((") => Err(NOT_READ),
            Some('(') => {
                let inner = self
                    .left
                    .strip_prefix('(')
                    .and_then(|rest| rest.split_once(')'));
                let (inner, rest) = inner.ok_or(NOT_READ)?;
                if !produce::is_number(inner) {
                    return Err("arithmetic over what a command prints");
                }
                self.script.alone.push(inner.to_owned());
                self.left = rest;
                Ok(())
            }
            Some('{') => {
                self.skip(1);
                let counted = self.left.starts_with('#');
                self.skip(usize::from(counted));
                let named = self.take(name);
                if counted {
                    let whole = ["[@]", "[*]"]
                        .iter()
                        .find_map(|all| self.left.strip_prefix(all));
                    self.left = whole.unwrap_or(self.left);
                }
                if let Some(other) = self.left.strip_prefix(":-") {
                    self.left = other.trim_start_matches(|c: char| c.is_ascii_digit());
                }
                self.left = self.left.strip_prefix('}').ok_or(NOT_READ)?;
                self.parameter(named, counted)
            }
            Some(c) if name(c) => {
                let named = self.take(name);
                self.parameter(named, false)
            }
            Some(_) | None => Err(NOT_READ),
        }
    }

    fn parameter(&mut self, name: &str, counted: bool) -> Result<(), &'static str> {
        if counted {
            return Ok(());
        }
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(PARAMETER);
        }
        self.script.evaluated.push(name.to_owned());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluated(expression: &str) -> Result<Vec<String>, &'static str> {
        let mut script = Script::default();
        read(expression, &mut script);
        match script.unknowns.first() {
            Some(why) => Err(why),
            None => Ok(script.evaluated),
        }
    }

    #[test]
    fn the_names_in_an_expression_are_told() {
        for (expression, names) in [
            ("1 + 2 * (3 - 4)", &[][..]),
            ("i++", &["i"]),
            ("n = n + 1", &["n", "n"]),
            ("i < 5 && j != 0x1f", &["i", "j"]),
            ("a[i] + ${b} + $c", &["a", "i", "b", "c"]),
            ("$(date +%s) - start", &["start"]),
            ("$# + $?", &[]),
            ("16#ff", &[]),
        ] {
            assert_eq!(
                evaluated(expression),
                Ok(names.iter().map(|n| (*n).to_owned()).collect()),
                "{expression}"
            );
        }
    }

    #[test]
    fn what_is_no_arithmetic_or_runs_something_is_told() {
        for expression in [
            "sudo id",
            "a[$(sudo id)]",
            "$(cat x)",
            "`id`",
            "$1",
            "'a'",
            "${x:-y}",
            "${x:-$(vim)}",
            "$(date;id)",
            "1 2",
            "a[$(((1)) && sudo </dev/null)]",
        ] {
            assert!(evaluated(expression).is_err(), "{expression}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_expression_is_read_without_panic(expression: String) {
            let _ = evaluated(&expression);
        }
    }
}
