//! Grants, corrections, losses, and that what is written stays.

use domain::{NanoUsd, RequestId};
use uuid::Uuid;

use crate::contract::world::{
    NOW, author, balance, event, funded, grant, leased, organization, other_organization, post, proven, scope, transfer,
};
use crate::ledger::{NewTransfer, transfer_post};
use crate::{
    Account, ChangeKind, Correction, CrashLoss, CrashLossTotals, Db, StoreError, TransferKind, changes_after, crash_loss_post,
    crash_loss_totals, credits_correct, credits_grant, revision_latest, transfers_list,
};

pub async fn a_grant_counts_once(db: Db) {
    funded(&db, 0).await;
    other_organization(&db, 2, 0).await;
    let before = revision_latest(&db).await.unwrap();
    assert!(credits_grant(&db, &scope(1), &grant(7, 500), &author(NOW)).await.unwrap());
    assert!(!credits_grant(&db, &scope(1), &grant(7, 500), &author(NOW)).await.unwrap());
    assert!(matches!(credits_grant(&db, &scope(1), &grant(7, 501), &author(NOW)).await, Err(StoreError::Conflict { .. })));
    assert!(matches!(credits_grant(&db, &scope(2), &grant(7, 500), &author(NOW)).await, Err(StoreError::Conflict { .. })));
    for amount in [0, -1] {
        assert!(matches!(credits_grant(&db, &scope(1), &grant(8, amount), &author(NOW)).await, Err(StoreError::Invalid { .. })));
    }
    assert_eq!(balance(&db).await, (500, 0, 0));
    let changes = changes_after(&db, before, 10).await.unwrap();
    assert_eq!(changes.iter().map(|change| change.kind).collect::<Vec<_>>(), [ChangeKind::CreditsGranted]);
    proven(&db).await;
}

pub async fn a_correction_needs_words_and_counts_once(db: Db) {
    funded(&db, 100).await;
    let take = Correction {
        transfer: transfer(9),
        against: Account::Overshoot,
        amount: NanoUsd(-150),
        reason: "double top-up".to_owned(),
        author: "ada".to_owned(),
        now: NOW,
    };
    assert!(matches!(
        credits_correct(&db, &scope(1), &Correction { reason: String::new(), ..take.clone() }, &author(NOW)).await,
        Err(StoreError::Invalid { .. })
    ));
    assert!(matches!(
        credits_correct(&db, &scope(1), &Correction { against: Account::Leased, ..take.clone() }, &author(NOW)).await,
        Err(StoreError::Invalid { .. })
    ));
    assert!(credits_correct(&db, &scope(1), &take, &author(NOW)).await.unwrap());
    assert!(!credits_correct(&db, &scope(1), &take, &author(NOW)).await.unwrap());
    assert_eq!(balance(&db).await, (-50, 0, 0), "a correction is a named way below zero");
    let give = Correction { transfer: transfer(10), amount: NanoUsd(60), ..take };
    assert!(credits_correct(&db, &scope(1), &give, &author(NOW)).await.unwrap());
    assert_eq!(balance(&db).await, (10, 0, 0));
    let kinds: Vec<_> = transfers_list(&db, &scope(1), 0, 10).await.unwrap().into_iter().map(|row| row.kind).collect();
    assert_eq!(kinds, [TransferKind::Grant, TransferKind::Correction, TransferKind::Correction]);
    assert!(transfers_list(&db, &scope(2), 0, 10).await.unwrap().is_empty());
    proven(&db).await;
}

pub async fn transfers_and_postings_cannot_be_changed(db: Db) {
    funded(&db, 100).await;
    leased(&db, 1, 50).await;
    post(&db, &[event(1, Some(1), 5)]).await;
    for sql in ["UPDATE transfer SET amount = 1", "DELETE FROM transfer", "UPDATE posting SET charged = 0", "DELETE FROM posting"] {
        let mut tx = db.begin_write().await.unwrap();
        let refusal = sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
        assert!(refusal.to_string().contains("insert-only"), "{sql}: {refusal}");
    }
    proven(&db).await;
}

pub async fn a_loss_is_ours_and_counts_once(db: Db) {
    funded(&db, 100).await;
    let loss =
        CrashLoss { request: RequestId::from_uuid(Uuid::from_u128(1)), amount: NanoUsd(40), input_tokens: 0, output_tokens: 4, now: NOW };
    assert!(crash_loss_post(&db, &scope(1), &loss).await.unwrap());
    assert!(!crash_loss_post(&db, &scope(1), &loss).await.unwrap());
    let other = CrashLoss { amount: NanoUsd(41), ..loss };
    assert!(matches!(crash_loss_post(&db, &scope(1), &other).await, Err(StoreError::Conflict { .. })));
    assert!(matches!(crash_loss_post(&db, &scope(2), &loss).await, Err(StoreError::Conflict { .. })));
    let nothing = CrashLoss { request: RequestId::from_uuid(Uuid::from_u128(2)), amount: NanoUsd::ZERO, ..loss };
    assert!(crash_loss_post(&db, &scope(1), &nothing).await.unwrap());
    let all = CrashLossTotals { calls: 2, amount: NanoUsd(40), input_tokens: 0, output_tokens: 8 };
    assert_eq!(crash_loss_totals(&db).await.unwrap(), all);
    assert_eq!(balance(&db).await, (100, 0, 0), "the customer pays nothing of it");
    proven(&db).await;
}

pub async fn a_wrong_figure_is_found(db: Db) {
    funded(&db, 100).await;
    leased(&db, 1, 50).await;
    post(&db, &[event(1, Some(1), 5)]).await;
    proven(&db).await;
    for sql in [
        "UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'credits'",
        "UPDATE ledger_account SET balance = balance - 1 WHERE kind = 'leased'",
        "UPDATE lease SET settled = settled + 1",
        "UPDATE lease SET returned = returned + 1",
        "UPDATE posting_total SET calls = calls + 1",
        "UPDATE posting_total SET output = output + 1",
        "DELETE FROM posting_total",
    ] {
        let proof = tampered(&db, sql).await;
        assert!(!proof.holds(), "{sql}");
    }
    proven(&db).await;
}

/// What a proof says of a database that somebody changed by hand; the change is taken back.
async fn tampered(db: &Db, sql: &'static str) -> crate::Proof {
    let mut tx = db.begin_write().await.unwrap();
    sqlx::query(sql).execute(&mut *tx).await.unwrap();
    crate::ledger::ledger_prove_in(&mut tx).await.unwrap()
}

/// A proposal may be out of date where several transactions write at once; the debit must not be.
pub async fn the_debit_itself_refuses_what_is_not_covered(db: Db) {
    funded(&db, 100).await;
    let kinds = [
        (TransferKind::LeaseGrant, Account::Credits, Account::Leased, 101, false),
        (TransferKind::LeaseGrant, Account::Credits, Account::Leased, 100, true),
        (TransferKind::LeaseReturn, Account::Leased, Account::Credits, 101, false),
        (TransferKind::Usage, Account::Leased, Account::Revenue, 101, false),
        (TransferKind::Usage, Account::Leased, Account::Revenue, 100, true),
        (TransferKind::Overshoot, Account::Credits, Account::Revenue, 1, true),
    ];
    let mut tx = db.begin_write().await.unwrap();
    for (n, (kind, debit, credit, amount, done)) in kinds.into_iter().enumerate() {
        let transfer = NewTransfer {
            id: &n.to_string(),
            debit,
            credit,
            amount: NanoUsd(amount),
            kind,
            organization: organization(1),
            lease: None,
            reason: "",
            author: "",
            now: NOW,
        };
        assert_eq!(transfer_post(&mut tx, &transfer).await.unwrap(), done, "{kind:?} of {amount}");
    }
    crate::db::commit(tx, "test", crate::audit::Trail::Bookkeeping).await.unwrap();
    assert_eq!(transfers_list(&db, &scope(1), 0, 10).await.unwrap().len(), 4, "what was refused left no row");
}
