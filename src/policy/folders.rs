//! The folders that paths lie in, for policies that are about folders: Cedar compares the members of a set only whole.
//!
//! Invariant: a path whose spelling leaves a doubt lies in no folder, so that no permit for a folder is fooled by it.

use std::collections::BTreeSet;

/// Levels below the root, or the home, that policies can name.
const LEVELS: usize = 32;

/// The folders that hold all of the paths, and those that hold any of them; each path is its own folder too.
pub(super) fn of(paths: &[String]) -> (BTreeSet<&str>, BTreeSet<&str>) {
    let mut any = BTreeSet::new();
    let mut all: Option<BTreeSet<&str>> = None;
    for path in paths {
        let holding = holding(path);
        any.extend(&holding);
        all = Some(match all {
            None => holding,
            Some(before) => before.intersection(&holding).copied().collect(),
        });
    }
    (all.unwrap_or_default(), any)
}

/// The path and the folders above it, from `/` or `~` on.
fn holding(path: &str) -> BTreeSet<&str> {
    let below = match path.strip_prefix('/') {
        Some(below) => below,
        None if path == "~" => "",
        None => match path.strip_prefix("~/") {
            Some(below) => below,
            None => return BTreeSet::new(),
        },
    };
    let plain = |part: &str| !matches!(part, "" | "." | "..");
    if !below.is_empty() && !below.split('/').all(plain) {
        return BTreeSet::new();
    }
    let root = path.get(..1).unwrap_or_default();
    let ends = path.match_indices('/').map(|(at, _)| at).skip(1);
    // For `/a/b` the first slash is the root itself; for `~/a` it ends the home.
    let first = path.find('/').filter(|at| *at > 0);
    let above = first.into_iter().chain(ends).chain([path.len()]);
    [root]
        .into_iter()
        .chain(above.filter_map(|at| path.get(..at)))
        .take(LEVELS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(paths: &[&str]) -> (Vec<String>, Vec<String>) {
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let (all, any) = of(&paths);
        let owned = |set: BTreeSet<&str>| set.into_iter().map(str::to_owned).collect();
        (owned(all), owned(any))
    }

    #[test]
    fn a_path_lies_in_each_folder_above_it() {
        let expected = ["/", "/srv", "/srv/app", "/srv/app/x"];
        let (all, any) = folders(&["/srv/app/x"]);
        assert_eq!(all, expected);
        assert_eq!(any, expected);
        assert_eq!(folders(&["~/a/b"]).0, ["~", "~/a", "~/a/b"]);
        assert_eq!(folders(&["~"]).0, ["~"]);
        assert_eq!(folders(&["/"]).0, ["/"]);
    }

    #[test]
    fn of_several_paths_all_must_lie_in_a_folder_and_any_may() {
        let (all, any) = folders(&["/srv/app/x", "/srv/other"]);
        assert_eq!(all, ["/", "/srv"]);
        assert!(any.contains(&"/srv/app".to_owned()) && any.contains(&"/srv/other".to_owned()));
    }

    #[test]
    fn a_path_in_doubt_lies_in_no_folder() {
        for path in [
            "/srv/app/../../etc",
            "notes",
            "../x",
            "/srv//app",
            "~root/x",
            "",
        ] {
            assert!(folders(&[path]).1.is_empty(), "{path}");
        }
        assert!(folders(&["/srv/app/x", "/srv/app/../y"]).0.is_empty());
        assert!(folders(&[]).0.is_empty());
    }

    #[test]
    fn a_deep_path_costs_no_more_than_its_upper_levels() {
        let deep = "/a".repeat(2000);
        let (all, _) = folders(&[&deep]);
        assert!(all.len() <= LEVELS && all.contains(&"/a/a".to_owned()));
    }
}
