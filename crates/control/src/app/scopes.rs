//! What a management key may be used for. A key never holds more rights than whoever makes it: not when it is made
//! ([`issue_check`]), and not when it is used, because the role behind it is asked for at each use.

use std::collections::BTreeSet;

use domain::{Code, Fault};
use store::Role;

use crate::app::areas::{Area, SEGMENTS};
use crate::app::checks;
use crate::app::rights::Right;

/// Looking, or changing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// GET.
    Read,
    /// Everything else.
    Write,
}

impl Access {
    const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// What one route asks of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A right of the organization.
    Right(Right),
    /// To run the instance.
    Operator,
    /// There is no such route.
    Nothing,
}

/// A closed set: who may write may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scopes(BTreeSet<(&'static str, Access)>);

/// Who asks for something, as far as it decides what they may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reach<'a> {
    pub role: Role,
    pub is_operator: bool,
    /// `None`: no key, or one for everything.
    pub scopes: Option<&'a Scopes>,
}

impl Scopes {
    /// Reads `area:read` and `area:write`; the error is the place of a wrong one.
    pub fn parse(texts: &[String]) -> Result<Self, usize> {
        let mut scopes = BTreeSet::new();
        for (at, text) in texts.iter().enumerate() {
            let (name, access) = text.split_once(':').ok_or(at)?;
            let (name, area) = SEGMENTS.iter().find(|(segment, _)| *segment == name).ok_or(at)?;
            let access = [Access::Read, Access::Write].into_iter().find(|known| known.word() == access).ok_or(at)?;
            if need(*area, access) == Need::Nothing {
                return Err(at);
            }
            scopes.insert((*name, access));
            scopes.insert((*name, Access::Read));
        }
        Ok(Self(scopes))
    }

    /// As stored and shown.
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|(name, access)| format!("{name}:{}", access.word())).collect()
    }

    fn allow(&self, area: Area, access: Access) -> bool {
        self.0.contains(&(area.segment(), access))
    }

    /// Lets a key in where its scopes say so. A path without an area is in no scope.
    pub(crate) fn check(&self, path: &str, access: Access) -> Result<(), Fault> {
        let area = Area::of(path);
        if area.is_some_and(|area| self.allow(area, access)) {
            return Ok(());
        }
        let name = area.map_or("no scope at all", Area::segment);
        let say = format!("this management key may not do this: it lacks the scope `{name}:{}`; use another key", access.word());
        Err(Fault::new(Code::PermissionDenied, say))
    }
}

/// What the routes of an area ask for at least.
pub(crate) const fn need(area: Area, access: Access) -> Need {
    match (area, access) {
        (Area::Operator, _) | (Area::Credits, Access::Write) => Need::Operator,
        (Area::Usage | Area::Calls | Area::Audit | Area::Export, Access::Write) => Need::Nothing,
        (Area::Billing, _) => Need::Right(Right::Pay),
        (Area::ApiKeys | Area::SubAccounts, Access::Write) => Need::Right(Right::Develop),
        (Area::Budgets, Access::Write) => Need::Right(Right::Pay),
        (Area::Invites | Area::ManagementKeys | Area::Audit | Area::Export, Access::Read)
        | (
            Area::ProviderKeys | Area::Projects | Area::Organization | Area::Members | Area::Invites | Area::ManagementKeys,
            Access::Write,
        ) => Need::Right(Right::Administer),
        (_, Access::Read) => Need::Right(Right::Look),
    }
}

/// Whether somebody may use an area so, before the route itself asks for more.
pub(crate) fn may(who: Reach<'_>, area: Area, access: Access) -> bool {
    let may = match need(area, access) {
        Need::Right(right) => right.is_of(who.role),
        Need::Operator => who.is_operator,
        Need::Nothing => false,
    };
    may && who.scopes.is_none_or(|scopes| scopes.allow(area, access))
}

/// Refuses a new key that could do what its maker cannot. `None` asks for everything that the maker may do.
pub(crate) fn issue_check(maker: Reach<'_>, asked: Option<&Scopes>) -> Result<(), Fault> {
    let Some(asked) = asked else {
        if maker.scopes.is_none() {
            return Ok(());
        }
        let say = "name `scopes`: this management key is not for everything, so the keys that it makes are not, either";
        return Err(Fault::new(Code::PermissionDenied, say).param("scopes"));
    };
    for (name, access) in &asked.0 {
        let area = Area::of_segment(name);
        if !area.is_some_and(|area| may(maker, area, *access)) {
            let say = format!("you cannot give the scope `{name}:{}`, because you lack it yourself", access.word());
            return Err(Fault::new(Code::PermissionDenied, say).param("scopes"));
        }
    }
    Ok(())
}

/// The scopes of a request.
pub(crate) fn read(texts: &[String]) -> Result<Scopes, Fault> {
    let areas = SEGMENTS.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let wrong = |at| checks::invalid(&format!("scopes[{at}]"), format!("a scope is `area:read` or `area:write`; areas are {areas}"));
    if texts.is_empty() {
        return Err(checks::invalid("scopes", "name at least one scope, or leave `scopes` out for everything that you may do"));
    }
    Scopes::parse(texts).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ACCESSES: [Access; 2] = [Access::Read, Access::Write];

    fn every_scope() -> Vec<String> {
        let pairs = SEGMENTS.iter().flat_map(|(name, area)| ACCESSES.map(|access| (*name, *area, access)));
        pairs
            .filter(|(_, area, access)| need(*area, *access) != Need::Nothing)
            .map(|(name, _, access)| format!("{name}:{}", access.word()))
            .collect()
    }

    fn scopes() -> impl Strategy<Value = Option<Scopes>> {
        let some = proptest::sample::subsequence(every_scope(), 1..every_scope().len());
        proptest::option::of(some.prop_map(|texts| Scopes::parse(&texts).unwrap()))
    }

    fn role() -> impl Strategy<Value = Role> {
        proptest::sample::select(Role::ALL.to_vec())
    }

    proptest! {
        #[test]
        fn a_key_never_does_what_its_maker_cannot(
            role_then in role(),
            role_now in role(),
            is_operator in any::<bool>(),
            of_maker in scopes(),
            asked in scopes(),
        ) {
            let maker = Reach { role: role_then, is_operator, scopes: of_maker.as_ref() };
            let issued = issue_check(maker, asked.as_ref()).is_ok();
            for (_, area) in SEGMENTS {
                for access in ACCESSES {
                    // When it is made.
                    let key = Reach { scopes: asked.as_ref(), ..maker };
                    prop_assert!(!issued || !may(key, *area, access) || may(maker, *area, access), "{area:?} {access:?}");
                    // When it is used: whatever became of the person, the key does no more than that person in person.
                    let key = Reach { role: role_now, ..key };
                    let person = Reach { scopes: None, ..key };
                    prop_assert!(!may(key, *area, access) || may(person, *area, access), "{area:?} {access:?}");
                    // And never more than the key that made it.
                    let parent = Reach { scopes: of_maker.as_ref(), ..key };
                    prop_assert!(!issued || !may(key, *area, access) || may(parent, *area, access), "{area:?} {access:?}");
                }
            }
        }
    }

    #[test]
    fn what_the_maker_has_can_be_given() {
        let admin = Reach { role: Role::Admin, is_operator: false, scopes: None };
        issue_check(admin, None).unwrap();
        issue_check(admin, Some(&Scopes::parse(&["projects:write".to_owned(), "audit:read".to_owned()]).unwrap())).unwrap();
        for lacks in ["credits:write", "operator:read"] {
            let fault = issue_check(admin, Some(&Scopes::parse(&[lacks.to_owned()]).unwrap())).unwrap_err();
            assert!(fault.say().contains(lacks), "{}", fault.say());
        }
    }

    #[test]
    fn scopes_read_back_and_writing_includes_reading() {
        let scopes = Scopes::parse(&["api-keys:write".to_owned()]).unwrap();
        assert_eq!(scopes.texts(), ["api-keys:read", "api-keys:write"]);
        assert_eq!(Scopes::parse(&scopes.texts()).unwrap(), scopes);
        scopes.check("/api/v1/api-keys/key_1", Access::Write).unwrap();
        for (path, access) in [("/api/v1/projects", Access::Read), ("/api/v1/something", Access::Read), ("/", Access::Write)] {
            assert_eq!(scopes.check(path, access).unwrap_err().code(), Code::PermissionDenied, "{path}");
        }
        for wrong in ["", "api-keys", "api-keys:", "api-keys:all", "x:read", "usage:write", "audit:write"] {
            assert_eq!(Scopes::parse(&["usage:read".to_owned(), wrong.to_owned()]), Err(1), "{wrong}");
        }
    }
}
