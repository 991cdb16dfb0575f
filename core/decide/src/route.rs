//! Which version a call through an alias runs.

use sluice_domain::{Alias, AliasTarget};

/// A share of everything, in [`route`]'s unit.
pub const WHOLE: u32 = 1_000_000;

/// Where one call goes. `draw` is uniform in `0..`[`WHOLE`]; equal draws give equal answers.
///
/// Additional versions take their share from the bottom of the range in the order they stand in, and the main
/// version takes what is left.
pub fn route(alias: &Alias, draw: u32) -> AliasTarget {
    let mut below = 0u32;
    for (version, share) in &alias.additional {
        below = below.saturating_add(*share);
        if draw < below {
            return AliasTarget::Version(*version);
        }
    }
    alias.target
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_domain::{AliasKey, Dialect, Scope, Timestamp};

    fn alias(target: AliasTarget, additional: Vec<(u64, u32)>) -> Alias {
        let key = AliasKey {
            scope: Scope { account: "1".into(), region: "r".into() },
            dialect: Dialect::Scf,
            namespace: "default".to_owned(),
            function: Some("f".to_owned()),
            name: "prod".to_owned(),
        };
        Alias {
            key,
            description: String::new(),
            target,
            additional,
            attributes: Default::default(),
            version: 1,
            created: Timestamp(0),
            modified: Timestamp(0),
        }
    }

    #[test]
    fn shares_are_exact_over_the_whole_range() {
        // spec: ALI-03 (the choice of a version)
        let ninety_ten = alias(AliasTarget::Version(1), vec![(2, 100_000)]);
        let second = (0..WHOLE).filter(|draw| route(&ninety_ten, *draw) == AliasTarget::Version(2)).count();
        assert_eq!(second, 100_000);
    }

    #[test]
    fn nothing_and_everything_are_shares_too() {
        for draw in [0, 1, WHOLE / 2, WHOLE - 1] {
            assert_eq!(route(&alias(AliasTarget::Latest, vec![]), draw), AliasTarget::Latest);
            assert_eq!(route(&alias(AliasTarget::Latest, vec![(3, 0)]), draw), AliasTarget::Latest);
            assert_eq!(route(&alias(AliasTarget::Version(1), vec![(3, WHOLE)]), draw), AliasTarget::Version(3));
        }
    }

    #[test]
    fn several_additional_versions_follow_one_another() {
        let three = alias(AliasTarget::Version(1), vec![(2, 10), (3, 20)]);
        let at = |draw| route(&three, draw);
        assert_eq!(at(9), AliasTarget::Version(2));
        assert_eq!(at(10), AliasTarget::Version(3));
        assert_eq!(at(29), AliasTarget::Version(3));
        assert_eq!(at(30), AliasTarget::Version(1));
    }
}
