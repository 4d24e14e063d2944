//! One test per rule, so that a broken rule has a name.

use super::{RULES, World};

fn holds(rule: &str) {
    let world = World::read().unwrap();
    let (name, check) = RULES.iter().find(|(name, _)| *name == rule).unwrap();
    let found = check(&world).unwrap();
    assert!(found.is_empty(), "{name}:\n  {}", found.join("\n  "));
}

macro_rules! rules {
    ($($test:ident => $rule:literal,)*) => {
        $(
            #[test]
            fn $test() {
                holds($rule);
            }
        )*

        #[test]
        fn every_rule_has_a_test() {
            let tested = [$($rule),*];
            assert_eq!(RULES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), tested);
        }
    };
}

rules! {
    arrows_point_downward => "arrows between crates",
    outside_systems_have_one_crate_each => "who may use which outside crate",
    our_crates_are_under_the_licence_and_the_lints => "licence and lints of our crates",
    files_and_functions_are_short => "sizes of files and functions",
    no_work_is_left_unfinished => "words that must not stay",
    no_path_of_a_machine_is_named => "paths of a machine",
    errors_page_lists_every_code => "docs/ERRORS.md",
    configuration_page_lists_every_setting => "docs/configuration.md",
    pages_name_only_files_that_are_there => "files that docs name",
}
