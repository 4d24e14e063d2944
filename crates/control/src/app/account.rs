//! The end of a person's own account.

use domain::{Code, Fault, Secret};
use service::clock;
use store::AccountDelete;

use crate::app::caller::LoggedIn;
use crate::app::{Control, ask, checks};

impl Control {
    /// Deletes the person's account at once: sessions end, and the address is free for another account. Organizations that nobody
    /// else belongs to are deleted with it, after the usual time.
    pub async fn account_delete(&self, who: &LoggedIn, email: &str, password: &Secret<String>) -> Result<(), Fault> {
        if email.trim().to_lowercase() != who.email() {
            return Err(checks::invalid("email", "`email` must be your own address"));
        }
        self.password_proven(who.visitor(), who.user(), ("password", password)).await?;
        let now = clock::now();
        let author = who.author(now);
        let deleted = store::account_delete(&self.db, who.user(), self.purge_at(now), &author);
        match ask::store(Code::DirectoryUnavailable, deleted).await? {
            AccountDelete::Done(letters) => self.letter_files_remove(&letters).await,
            AccountDelete::LastOwner(organization) => {
                let say = format!("you are the only owner of {organization}, and others belong to it: give it away or delete it first");
                return Err(Fault::new(Code::Conflict, say));
            }
            AccountDelete::LastOperator => {
                return Err(Fault::new(Code::Conflict, "you are the only operator of this instance: name another one first"));
            }
        }
        tracing::info!(user.id = %who.user(), "a person deleted their account");
        Ok(())
    }
}
