//! Invitations: one at a time for an address, for a while, accepted once.

use domain::ids::{InviteId, MailId};
use domain::{OrganizationId, UnixMicros};
use uuid::Uuid;

use crate::contract::members::join;
use crate::contract::people::new_session;
use crate::contract::world::{NOW, author, funded, organization, other_organization, scope, user};
use crate::{
    AuditAction, AuditFilter, Author, Db, InviteStatus, NewInvite, NewMail, NewSession, PersonRow, Role, SECRET_MARK, SignUp, SignUpHome,
    SignedUp, StoreError, audit_list, invite_accept, invite_by_hash, invite_create, invite_list, invite_revoke, mail_list, member_get,
    sign_up,
};

const END: UnixMicros = NOW.plus_seconds(600);

fn invite(n: u8, email: &str) -> NewInvite {
    let mail = NewMail {
        id: MailId::from_uuid(Uuid::from_u128(n.into())),
        recipient: email.to_owned(),
        subject: "Come".to_owned(),
        body: format!("token {SECRET_MARK}"),
        secret: Some(("secret".to_owned(), END)),
        created_at: NOW,
    };
    let (id, role) = (InviteId::from_uuid(Uuid::from_u128(n.into())), Role::Developer);
    NewInvite { id, email: email.to_owned(), role, hash: [n; 32], invited_by: user(1), expires_at: END, mail }
}

/// Ada administers another organization, too.
async fn inviter(db: &Db, n: u128) {
    let mut tx = db.begin_write().await.unwrap();
    crate::person::member_insert(&mut tx, organization(n), user(1), Role::Admin, NOW).await.unwrap();
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
}

async fn status(db: &Db, n: u8) -> InviteStatus {
    invite_by_hash(db, &[n; 32]).await.unwrap().unwrap().status
}

async fn role(db: &Db, n: u128, organization: OrganizationId) -> Option<Role> {
    member_get(db, user(n), organization).await.unwrap().map(|row| row.role)
}

pub async fn an_invitation_waits_for_its_address(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    let made = invite_create(&db, &scope(1), &invite(1, " New@Example.com"), &author(NOW)).await.unwrap();
    assert_eq!((&*made.email, made.status, made.organization), ("new@example.com", InviteStatus::Pending, organization(1)));
    invite_create(&db, &scope(1), &invite(2, "new@example.com"), &author(NOW)).await.unwrap();
    assert_eq!((status(&db, 1).await, status(&db, 2).await), (InviteStatus::Revoked, InviteStatus::Pending));
    let member = invite_create(&db, &scope(1), &invite(3, "ADA@example.com"), &author(NOW)).await;
    assert!(matches!(member, Err(StoreError::Conflict { what: "membership" })));
    assert_eq!(mail_list(&db, None, 9).await.unwrap().len(), 2, "a refused invitation wrote a letter");
    assert!(matches!(invite_revoke(&db, &scope(2), made.id, &author(NOW)).await, Err(StoreError::NotFound { .. })));
    assert!(invite_list(&db, &scope(2), None, 9).await.unwrap().is_empty());
    let listed = invite_list(&db, &scope(1), None, 9).await.unwrap();
    assert_eq!(invite_list(&db, &scope(1), Some(listed[0].id), 9).await.unwrap(), listed[1..]);
    for _ in 0..2 {
        assert_eq!(invite_revoke(&db, &scope(1), listed[0].id, &author(NOW)).await.unwrap().status, InviteStatus::Revoked);
    }
    assert_eq!(audit_list(&db, &scope(1), &AuditFilter::default(), None, 9).await.unwrap().len(), 4);
}

pub async fn an_invitation_is_accepted_once_and_in_time(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Viewer).await;
    other_organization(&db, 2, 0).await;
    other_organization(&db, 3, 0).await;
    let theirs = "person2@example.com";
    for n in [2, 3] {
        inviter(&db, n).await;
    }
    for (n, organization, email) in [(5, 2, theirs), (6, 3, theirs), (7, 2, "person3@example.com")] {
        invite_create(&db, &scope(organization), &invite(n, email), &author(NOW)).await.unwrap();
    }
    let id = |n: u8| invite(n, "").id;
    let accept = async |n, person, at| invite_accept(&db, id(n), user(person), &author(at)).await;
    assert!(matches!(accept(7, 2, NOW).await, Err(StoreError::NotFound { .. })), "somebody else's invitation");
    assert!(matches!(accept(5, 2, END).await, Err(StoreError::NotFound { .. })), "it is over");
    assert_eq!(accept(5, 2, NOW).await.unwrap().organization, organization(2));
    assert_eq!((role(&db, 2, organization(2)).await, role(&db, 2, organization(3)).await), (Some(Role::Developer), Some(Role::Developer)));
    assert_eq!(
        (status(&db, 5).await, status(&db, 6).await, status(&db, 7).await),
        (InviteStatus::Accepted, InviteStatus::Accepted, InviteStatus::Pending)
    );
    assert!(matches!(accept(5, 2, NOW).await, Err(StoreError::NotFound { .. })));
    assert!(matches!(invite_revoke(&db, &scope(2), id(5), &author(NOW)).await, Err(StoreError::Conflict { .. })));
    let filter = AuditFilter { action: Some(AuditAction::InviteAccepted), ..AuditFilter::default() };
    for n in [2, 3] {
        assert_eq!(audit_list(&db, &scope(n), &filter, None, 9).await.unwrap().len(), 1);
    }
}

pub async fn the_invited_sign_up_into_the_organization(db: Db) {
    funded(&db, 0).await;
    invite_create(&db, &scope(1), &invite(5, "new@example.com"), &author(NOW)).await.unwrap();
    let new = |n: u128, email: &str| SignUp {
        identity: None,
        person: PersonRow {
            id: user(n),
            email: email.to_owned(),
            name: String::new(),
            password_hash: "$argon2id$".to_owned(),
            is_operator: false,
            email_verified_at: None,
            disabled_at: None,
            created_at: NOW,
        },
        pending: None,
        home: SignUpHome::Invited(invite(5, "").id),
        session: NewSession { organization: organization(1), ..new_session(n, 9) },
        first_only: false,
        starter_credit: domain::NanoUsd::ZERO,
        starter_transfer: crate::contract::world::transfer(9),
    };
    let by = |n| Author { actor: crate::Actor::Person(user(n)), ..author(NOW) };
    assert!(matches!(sign_up(&db, &new(8, "eve@example.com"), &by(8)).await, Err(StoreError::NotFound { .. })));
    assert!(crate::person_by_email(&db, "eve@example.com").await.unwrap().is_none(), "half a sign-up stayed");
    assert_eq!(sign_up(&db, &new(9, "new@example.com"), &by(9)).await.unwrap(), SignedUp::Further);
    assert_eq!((role(&db, 9, organization(1)).await, status(&db, 5).await), (Some(Role::Developer), InviteStatus::Accepted));
    let line = audit_list(&db, &scope(1), &AuditFilter::default(), None, 1).await.unwrap().remove(0);
    assert_eq!((line.action, line.subject), (AuditAction::SignedUp, user(9).to_string()));
}

pub async fn an_invitation_holds_no_more_than_its_maker(db: Db) {
    funded(&db, 0).await;
    join(&db, 2, Role::Viewer).await;
    other_organization(&db, 2, 0).await;
    other_organization(&db, 3, 0).await;
    inviter(&db, 2).await;
    let theirs = "person2@example.com";
    let owner = NewInvite { role: Role::Owner, ..invite(5, theirs) };
    invite_create(&db, &scope(2), &owner, &author(NOW)).await.unwrap();
    invite_create(&db, &scope(3), &invite(6, theirs), &author(NOW)).await.unwrap();
    for n in [5, 6] {
        let accepted = invite_accept(&db, invite(n, "").id, user(2), &author(NOW)).await;
        assert!(matches!(accepted, Err(StoreError::NotFound { .. })), "{n}: an admin made an owner, or nobody a member");
    }
    assert_eq!((role(&db, 2, organization(2)).await, role(&db, 2, organization(3)).await), (None, None));
}
