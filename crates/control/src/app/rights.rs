//! What each role may do: the one table of it. Proofs ask it (`app::caller`), and `docs/roles.md` is written from it.

use store::Role;

/// What a caller may be asked to have the right to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Of every member.
    Look,
    /// Keys that call `/v1`.
    Develop,
    /// What may be spent.
    Pay,
    /// How the organization works, and who is in it.
    Administer,
    /// Whose the organization is.
    Own,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Line {
    /// Which right.
    pub right: Right,
    /// As the page calls it.
    pub name: &'static str,
    /// Who has it.
    pub roles: &'static [Role],
    /// As a refusal names those roles.
    pub needs: &'static str,
    /// What it is for.
    pub what: &'static str,
}

/// The table.
pub const TABLE: &[Line] = &[
    Line {
        right: Right::Look,
        name: "look",
        roles: &[Role::Owner, Role::Admin, Role::Billing, Role::Developer, Role::Viewer],
        needs: "this needs a member of the organization",
        what: "see usage, calls, credits, keys, projects and members; leave",
    },
    Line {
        right: Right::Develop,
        name: "develop",
        roles: &[Role::Owner, Role::Admin, Role::Developer],
        needs: "this needs an owner, admin or developer of the organization",
        what: "make, change, rotate and revoke API keys; make, change, suspend, resume and close sub-accounts",
    },
    Line {
        right: Right::Pay,
        name: "pay",
        roles: &[Role::Owner, Role::Admin, Role::Billing],
        needs: "this needs an owner, admin or billing member of the organization",
        what: "make, change and delete budgets; see each movement of credits; say where words about money go",
    },
    Line {
        right: Right::Administer,
        name: "administer",
        roles: &[Role::Owner, Role::Admin],
        needs: "this needs an owner or admin of the organization",
        what: "change projects, provider keys, the organization's name and its members below owner; read the audit log",
    },
    Line {
        right: Right::Own,
        name: "own",
        roles: &[Role::Owner],
        needs: "this needs an owner of the organization",
        what: "make, change and remove owners; give the organization away",
    },
];

impl Right {
    /// Its line of the table.
    pub fn line(self) -> &'static Line {
        match self {
            Self::Look => &TABLE[0],
            Self::Develop => &TABLE[1],
            Self::Pay => &TABLE[2],
            Self::Administer => &TABLE[3],
            Self::Own => &TABLE[4],
        }
    }

    /// Whether a role has it.
    pub fn is_of(self, role: Role) -> bool {
        self.line().roles.contains(&role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_right_has_its_own_line_and_whoever_administers_has_all_but_ownership() {
        let within = |right: Right, other: Right| right.line().roles.iter().all(|role| other.is_of(*role));
        for line in TABLE {
            assert_eq!(line.right.line().name, line.name);
            assert!(within(line.right, Right::Look), "{}", line.name);
            assert!(line.right == Right::Own || within(Right::Administer, line.right), "{}", line.name);
        }
        assert!(within(Right::Own, Right::Administer));
    }
}
