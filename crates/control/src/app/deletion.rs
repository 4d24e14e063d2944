//! How organizations end: asked for by an owner who proves it is them, taken back within a time of grace, and then erased.

use std::sync::Arc;
use std::time::Duration;

use domain::{Code, Fault, OrgScope, OrganizationId, Secret, UnixMicros};
use service::{Shutdown, clock};
use store::{DeletionBegin, DeletionRow, Moment, NewMail, Page};

use crate::app::caller::{Management, Operator, Owner, Via};
use crate::app::letters::Letter;
use crate::app::page::{Listed, one_more};
use crate::app::{Control, ask, checks, outbox};

const DAY_SECONDS: i64 = 24 * 3_600;
/// How often is looked for what is due.
const TICK: Duration = Duration::from_secs(60);
/// A process that took up an organization has it for so long; one that died leaves it to another then.
const CLAIM_SECONDS: i64 = 3_600;

impl Control {
    /// When what is asked for now is erased.
    pub(super) fn purge_at(&self, now: UnixMicros) -> UnixMicros {
        now.plus_seconds(i64::from(self.settings.deletion_grace_days).saturating_mul(DAY_SECONDS))
    }

    /// Begins to delete the organization: its keys stop within a second. The owner types its name and their own password.
    pub async fn deletion_begin(&self, who: &Owner, name: &str, password: &Secret<String>) -> Result<DeletionRow, Fault> {
        let caller = who.management();
        owner_in_person(caller)?;
        let organization = ask::store(Code::DirectoryUnavailable, store::organization_get(&self.db, caller.scope())).await?;
        if name.trim() != organization.name {
            return Err(checks::invalid("name", "`name` must be the organization's name, letter by letter"));
        }
        self.password_proven(caller.visitor(), caller.user(), ("password", password)).await?;
        let now = clock::now();
        let purge_at = self.purge_at(now);
        let letters =
            self.owner_letters(caller.scope(), "is being deleted", &self.deletion_text(&organization.name, purge_at), now).await?;
        let author = caller.author(now);
        let begun = store::deletion_begin(&self.db, caller.scope(), caller.user(), purge_at, &letters, &author);
        match ask::store(Code::DirectoryUnavailable, begun).await? {
            DeletionBegin::Begun => {}
            DeletionBegin::Before => return Err(Fault::new(Code::Conflict, "this organization is being deleted already")),
            DeletionBegin::LastOfOperator => {
                let say =
                    "somebody who runs this instance belongs to no other organization, and could not log in any more; make another first";
                return Err(Fault::new(Code::Conflict, say));
            }
        }
        self.desk.nudge();
        tracing::info!(organization.id = %caller.scope().organization(), by = %caller.via(), "an organization is being deleted");
        self.deletion_get(caller).await?.ok_or_else(|| Fault::internal("read a deletion", "it is gone"))
    }

    /// Takes the deletion back; keys open again within a second.
    pub async fn deletion_cancel(&self, who: &Owner) -> Result<(), Fault> {
        // No management key opens while there is something to take back.
        let caller = who.management();
        let organization = ask::store(Code::DirectoryUnavailable, store::organization_get(&self.db, caller.scope())).await?;
        let now = clock::now();
        let body = format!("{} stays: an owner took its deletion back, and its keys open again.\n", organization.name);
        let letters = self.owner_letters(caller.scope(), "is not deleted", &body, now).await?;
        let author = caller.author(now);
        let cancelled = store::deletion_cancel(&self.db, caller.scope(), &letters, &author);
        ask::store(Code::DirectoryUnavailable, cancelled).await.map_err(|fault| match fault.code() {
            Code::Conflict => Fault::new(Code::Conflict, "this organization is not being deleted, or its time of grace is over"),
            _ => fault,
        })?;
        self.desk.nudge();
        tracing::info!(organization.id = %caller.scope().organization(), by = %caller.via(), "the deletion of an organization was taken back");
        Ok(())
    }

    /// The deletion of the caller's organization, if it is being deleted.
    pub async fn deletion_get(&self, who: &Management) -> Result<Option<DeletionRow>, Fault> {
        ask::store(Code::DirectoryUnavailable, store::deletion_get(&self.db, who.scope())).await
    }

    /// A page of the deletions of the whole instance, newest first.
    pub async fn deletion_list(
        &self,
        _: &Operator,
        page: Page<Moment<OrganizationId>>,
    ) -> Result<Listed<DeletionRow, Moment<OrganizationId>>, Fault> {
        let rows = ask::store(Code::DirectoryUnavailable, store::deletions_list(&self.db, one_more(page))).await?;
        Ok(Listed::cut(rows, page.limit, |row| Moment { at: row.asked_at, id: row.organization }))
    }

    async fn owner_letters(&self, scope: &OrgScope, what: &str, body: &str, now: UnixMicros) -> Result<Vec<NewMail>, Fault> {
        let organization = ask::store(Code::DirectoryUnavailable, store::organization_get(&self.db, scope)).await?;
        let owners = ask::store(Code::DirectoryUnavailable, store::owner_emails(&self.db, scope)).await?;
        let subject = format!("{} on llmg {what}", organization.name);
        let letter = |recipient: &String| Letter { recipient, subject: subject.clone(), body: body.to_owned(), secret: None, now }.mail();
        Ok(owners.iter().map(letter).collect())
    }

    fn deletion_text(&self, name: &str, purge_at: UnixMicros) -> String {
        let at = clock::rfc3339(purge_at);
        let place = self.front().address().map(|address| format!(" at {address}/dashboard/settings/organization")).unwrap_or_default();
        format!(
            "An owner asked to delete {name}. Its keys have stopped, and its members see nothing of it any more but its owners.\n\n\
             Until {at} any owner can take that back{place}. After that everything is erased: projects, keys, members, the audit log, \
             calls and usage. What is left of its credits is forfeited. Accounts that belong to no other organization are erased with it.\n"
        )
    }

    /// Erases what is due until the process stops.
    pub async fn purge_run(self: Arc<Self>, stop: Shutdown) {
        while !stop.is_stopping() {
            self.purge_round(clock::now()).await;
            tokio::select! {
                () = stop.stopping() => {}
                () = tokio::time::sleep(TICK) => {}
            }
        }
    }

    /// Erases every organization that is due at a moment; answers how many. What fails is told to the log, and begun again when
    /// its claim is over.
    pub async fn purge_round(&self, now: UnixMicros) -> u32 {
        let mut done = 0;
        loop {
            match self.purge_next(now).await {
                Ok(None) => return done,
                Ok(Some(organization)) => {
                    done += 1;
                    tracing::info!(organization.id = %organization, "a deleted organization was erased");
                }
                Err(fault) => {
                    tracing::error!(cause = fault.chain(), "a deleted organization was not erased: {}", fault.say());
                    return done;
                }
            }
        }
    }

    async fn purge_next(&self, now: UnixMicros) -> Result<Option<OrganizationId>, Fault> {
        let claimed = store::deletion_claim(&self.db, now, now.plus_seconds(CLAIM_SECONDS));
        let Some(organization) = ask::store(Code::DirectoryUnavailable, claimed).await? else { return Ok(None) };
        #[expect(clippy::disallowed_methods, reason = "an owner asked for it, nobody took it back, and this process claimed it")]
        let scope = OrgScope::proven(organization);
        let letters = ask::store(Code::DirectoryUnavailable, store::purge_close(&self.db, &scope, now)).await?;
        self.letter_files_remove(&letters).await;
        while ask::analytics(analytics::erase_part(&self.analytics, &scope)).await? > 0 {}
        while ask::store(Code::DirectoryUnavailable, store::purge_part(&self.db, &scope)).await? > 0 {}
        ask::store(Code::DirectoryUnavailable, store::purge_finish(&self.db, &scope, now)).await?;
        ask::store(Code::DirectoryUnavailable, self.db.settle()).await?;
        ask::analytics(self.analytics.settle()).await?;
        Ok(Some(organization))
    }

    /// Letters that are gone leave no file, as far as the folder lets us.
    pub(super) async fn letter_files_remove(&self, letters: &[domain::ids::MailId]) {
        let Some(folder) = self.settings.outbox.clone() else { return };
        let letters = letters.to_vec();
        let removed = tokio::task::spawn_blocking(move || letters.iter().try_for_each(|id| outbox::remove(&folder, *id))).await;
        match removed {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the file of a letter was not removed from the outbox"),
            Err(error) => tracing::warn!(%error, "files of letters were not removed from the outbox"),
        }
    }
}

fn owner_in_person(caller: &Management) -> Result<(), Fault> {
    match caller.via() {
        Via::Session(_) => Ok(()),
        Via::Key(_) | Via::Console => {
            Err(Fault::new(Code::PermissionDenied, "an organization is deleted by an owner in person: log in; no management key does this"))
        }
    }
}
