//! The table of allowed edges between our crates. A new edge is a reviewed line here.

use super::metadata::Metadata;

/// Each crate and what it may use, lowest first: a crate may only use what stands above it, so that no arrow points
/// upward and none goes round.
pub(super) const MAY_USE: &[(&str, &[&str])] = &[
    // Level 0.
    ("domain", &[]),
    // Level 1.
    ("catalog", &["domain"]),
    ("llm", &["domain"]),
    ("policy", &["domain", "catalog"]),
    ("proto", &["domain"]),
    ("seal", &["domain"]),
    ("service", &["domain"]),
    ("outbound", &["domain"]),
    // Files and how a browser gets them; what they show comes from the API.
    ("dashboard", &[]),
    // The oracle of the tests: it shares no code with what it judges.
    ("sim", &[]),
    // Level 2.
    ("store", &["domain"]),
    ("analytics", &["domain"]),
    ("kv", &["domain"]),
    ("events", &["domain", "proto"]),
    // What gateways ask control, in process or over gRPC.
    ("rpc", &["domain", "proto", "service", "store"]),
    // Level 3: one service each; they never know each other. The gateway asks no analytics; metering translates nothing.
    ("gateway", &["domain", "catalog", "llm", "policy", "proto", "seal", "service", "outbound", "store", "kv", "events", "rpc"]),
    ("control", &["domain", "catalog", "policy", "proto", "seal", "service", "outbound", "store", "analytics", "kv"]),
    ("metering", &["domain", "proto", "service", "store", "analytics", "events"]),
    // Level 4.
    (
        "llmg",
        &[
            "domain",
            "catalog",
            "proto",
            "seal",
            "service",
            "outbound",
            "dashboard",
            "sim",
            "store",
            "analytics",
            "kv",
            "events",
            "rpc",
            "gateway",
            "control",
            "metering",
        ],
    ),
    (
        "testkit",
        &[
            "domain",
            "catalog",
            "llm",
            "policy",
            "proto",
            "seal",
            "service",
            "outbound",
            "sim",
            "store",
            "analytics",
            "kv",
            "events",
            "rpc",
            "gateway",
            "control",
            "metering",
        ],
    ),
    ("xtask", &["domain", "catalog", "service"]),
];

/// What tests of any crate may use beside the table.
const TESTS_MAY_USE: &[&str] = &["testkit", "sim"];

/// Outside crates that `domain` may use: it stays buildable in a second, and free of IO.
const DOMAIN_OUTSIDE: &[&str] = &["serde", "uuid"];

pub(super) fn check(metadata: &Metadata) -> Vec<String> {
    let mut found = Vec::new();
    for package in metadata.ours() {
        let name = package.name.as_str();
        let Some((_, allowed)) = MAY_USE.iter().find(|(of, _)| *of == name) else {
            found.push(format!("crate `{name}` is not in the table of xtask/src/tidy/arrows.rs; add its line"));
            continue;
        };
        for used in &package.dependencies {
            let other = used.name.as_str();
            let in_tests = used.kind.as_deref() == Some("dev");
            if used.path.is_some() {
                if other != name && !allowed.contains(&other) && !(in_tests && TESTS_MAY_USE.contains(&other)) {
                    found.push(format!("`{name}` may not use `{other}`; it may use: {}", allowed.join(", ")));
                }
            } else if name == "domain" && !in_tests && !DOMAIN_OUTSIDE.contains(&other) {
                found.push(format!("`domain` may not use the outside crate `{other}`; it may use: {}", DOMAIN_OUTSIDE.join(", ")));
            }
        }
    }
    for (name, _) in MAY_USE {
        if !metadata.ours().any(|package| package.name == *name) {
            found.push(format!("the table names `{name}`, which is no crate; remove its line"));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_arrow_points_to_a_line_above() {
        for (at, (name, allowed)) in MAY_USE.iter().enumerate() {
            for other in *allowed {
                assert!(MAY_USE[..at].iter().any(|(above, _)| above == other), "{name} → {other} does not point upward in the table");
            }
        }
    }

    #[test]
    fn services_never_know_each_other() {
        const SERVICES: [&str; 3] = ["gateway", "control", "metering"];
        for (name, allowed) in MAY_USE.iter().filter(|(name, _)| SERVICES.contains(name)) {
            assert!(!allowed.iter().any(|other| SERVICES.contains(other)), "{name}");
        }
    }
}
