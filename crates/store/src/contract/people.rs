//! Sign-up, and browsers that are logged in.

use domain::ids::TransferId;
use domain::{NanoUsd, SessionId, UnixMicros};
use uuid::Uuid;

use crate::contract::world::{NOW, author, organization, project, proven, scope, transfer, user};
use crate::{
    Db, NewSession, OrganizationRow, OrganizationStatus, Page, PersonRow, ProjectMode, ProjectRow, Role, SessionEnd, SessionProof,
    SessionsKept, SignUp, SignUpHome, SignedUp, StoreError, balance, member_get, memberships_of, people_count, person_get,
    person_password_set, project_list, session_caller_by_hash, session_create, session_list, session_revoke, session_used, sessions_revoke,
    sign_up,
};

const ALL: SessionsKept = SessionsKept { created_after: UnixMicros(0), used_after: UnixMicros(0), count: 50 };

fn session(n: u128) -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(0x1100 + n))
}

pub fn new_sign_up(n: u128) -> SignUp {
    SignUp {
        identity: None,
        person: PersonRow {
            id: user(n),
            email: format!("Person{n}@example.com"),
            name: "Ada".to_owned(),
            password_hash: "$argon2id$".to_owned(),
            is_operator: false,
            email_verified_at: None,
            disabled_at: None,
            created_at: NOW,
        },
        home: SignUpHome::Own {
            organization: OrganizationRow {
                id: organization(n),
                name: "Ada's organization".to_owned(),
                plan: "free".to_owned(),
                markup_basis_points: 0,
                status: OrganizationStatus::Active,
                created_at: NOW,
            },
            project: Box::new(ProjectRow::new(project(n), organization(n), "Default".to_owned(), ProjectMode::Hybrid, NOW)),
        },
        session: NewSession { hash: [0x40 + u8::try_from(n).unwrap(); 32], now: NOW, id: session(0x40 + n), ..new_session(n, 0) },
        pending: None,
        first_only: false,
        starter_credit: NanoUsd::from_usd(5),
        starter_transfer: transfer(n),
    }
}

pub fn new_session(person: u128, n: u8) -> NewSession {
    NewSession {
        id: session(n.into()),
        person: user(person),
        organization: organization(person),
        hash: [n; 32],
        address: "192.0.2.1".to_owned(),
        user_agent: "test".to_owned(),
        proof: SessionProof::Password,
        second_factor: None,
        now: NOW.plus_seconds(i64::from(n)),
    }
}

pub async fn sign_ups_at_once_make_one_operator(db: Db) {
    let started: Vec<_> = (0..8)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { (n, sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap()) })
        })
        .collect();
    let mut first = Vec::new();
    for one in started {
        let (n, done) = one.await.unwrap();
        if done == SignedUp::First {
            first.push(n);
        }
        let row = person_get(&db, user(n)).await.unwrap();
        assert_eq!((row.is_operator, &*row.name), (done == SignedUp::First, "Ada"));
        let credits = if done == SignedUp::First { NanoUsd::from_usd(5) } else { NanoUsd::ZERO };
        assert_eq!(balance(&db, &scope(n)).await.unwrap().credits, credits);
        assert_eq!(memberships_of(&db, user(n)).await.unwrap()[0].role, Role::Owner);
        assert_eq!(project_list(&db, &scope(n), None, Page::first(10)).await.unwrap()[0].mode, ProjectMode::Hybrid);
    }
    assert_eq!((first.len(), people_count(&db).await.unwrap()), (1, 8));

    let mut taken = new_sign_up(9);
    taken.person.email = " PERSON1@example.com".to_owned();
    taken.starter_transfer = TransferId::from_uuid(Uuid::from_u128(9));
    assert!(matches!(sign_up(&db, &taken, &author(NOW)).await, Err(StoreError::Conflict { what: "e-mail address" })));
    assert!(matches!(project_list(&db, &scope(9), None, Page::first(10)).await.as_deref(), Ok([])), "half a sign-up stayed");
    proven(&db).await;
}

pub async fn a_closed_instance_takes_one_person(db: Db) {
    let closed = |n| SignUp { first_only: true, ..new_sign_up(n) };
    assert_eq!(sign_up(&db, &closed(1), &author(NOW)).await.unwrap(), SignedUp::First);
    assert_eq!(sign_up(&db, &closed(2), &author(NOW)).await.unwrap(), SignedUp::Closed);
    assert_eq!(people_count(&db).await.unwrap(), 1);
}

pub async fn a_session_opens_until_it_ends(db: Db) {
    for n in [1, 2] {
        sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap();
    }
    session_create(&db, &new_session(1, 1), ALL, &author(NOW)).await.unwrap();
    session_create(&db, &new_session(2, 2), ALL, &author(NOW)).await.unwrap();
    let caller = session_caller_by_hash(&db, &[1; 32]).await.unwrap().unwrap();
    assert_eq!((caller.session, caller.person, caller.organization), (session(1), user(1), organization(1)));
    assert_eq!((&*caller.email, &*caller.name, caller.is_operator), ("person1@example.com", "Ada", true));
    assert_eq!(session_caller_by_hash(&db, &[3; 32]).await.unwrap(), None);
    assert_eq!(member_get(&db, user(1), organization(2)).await.unwrap(), None);
    assert_eq!(member_get(&db, user(1), organization(1)).await.unwrap().unwrap().role, Role::Owner);

    let later = NOW.plus_seconds(60);
    session_used(&db, session(1), later).await.unwrap();
    session_used(&db, session(1), NOW).await.unwrap();
    assert_eq!(session_caller_by_hash(&db, &[1; 32]).await.unwrap().unwrap().last_used_at, later);

    assert!(
        matches!(session_revoke(&db, user(1), session(2), SessionEnd::Revoked, &author(NOW)).await, Err(StoreError::NotFound { .. })),
        "somebody else's session"
    );
    session_revoke(&db, user(1), session(1), SessionEnd::Revoked, &author(NOW)).await.unwrap();
    assert_eq!(session_caller_by_hash(&db, &[1; 32]).await.unwrap(), None);
    assert!(matches!(session_revoke(&db, user(1), session(1), SessionEnd::Revoked, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(session_list(&db, user(2), Page::first(100)).await.unwrap().len(), 2, "one of sign-up, one of log-in");
}

pub async fn old_and_surplus_sessions_make_room(db: Db) {
    sign_up(&db, &new_sign_up(1), &author(NOW)).await.unwrap();
    for n in 1..=4 {
        session_create(&db, &new_session(1, n), SessionsKept { count: 3, ..ALL }, &author(NOW)).await.unwrap();
    }
    let ids = |rows: Vec<crate::SessionRow>| rows.into_iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(session_list(&db, user(1), Page::first(100)).await.unwrap()), [session(4), session(3), session(2)]);
    let kept = SessionsKept { created_after: NOW.plus_seconds(2), used_after: NOW.plus_seconds(3), count: 3 };
    session_create(&db, &new_session(1, 5), kept, &author(NOW)).await.unwrap();
    assert_eq!(ids(session_list(&db, user(1), Page::first(100)).await.unwrap()), [session(5), session(4)]);
}

pub async fn another_password_ends_the_other_sessions(db: Db) {
    for n in [1, 2] {
        sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap();
    }
    for (person, n) in [(1, 1), (1, 2), (2, 3)] {
        session_create(&db, &new_session(person, n), ALL, &author(NOW)).await.unwrap();
    }
    person_password_set(&db, user(1), "other", session(2), &author(NOW)).await.unwrap();
    assert_eq!(person_get(&db, user(1)).await.unwrap().password_hash, "other");
    assert_eq!(session_list(&db, user(1), Page::first(100)).await.unwrap()[0].id, session(2));
    assert_eq!(
        (
            session_list(&db, user(1), Page::first(100)).await.unwrap().len(),
            session_list(&db, user(2), Page::first(100)).await.unwrap().len()
        ),
        (1, 2)
    );
    assert!(matches!(person_password_set(&db, user(9), "x", session(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
}

pub async fn other_sessions_end_together(db: Db) {
    for n in [1, 2] {
        sign_up(&db, &new_sign_up(n), &author(NOW)).await.unwrap();
    }
    session_create(&db, &new_session(1, 1), ALL, &author(NOW)).await.unwrap();
    assert_eq!(sessions_revoke(&db, user(1), session(1), &author(NOW)).await.unwrap(), 1, "that of sign-up");
    assert_eq!(sessions_revoke(&db, user(1), session(1), &author(NOW)).await.unwrap(), 0);
    assert!(matches!(sessions_revoke(&db, user(2), session(1), &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert_eq!(
        (
            session_list(&db, user(1), Page::first(100)).await.unwrap().len(),
            session_list(&db, user(2), Page::first(100)).await.unwrap().len()
        ),
        (1, 1)
    );
}
