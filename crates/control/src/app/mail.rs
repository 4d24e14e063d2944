//! Letters as files in the outbox folder, beside their rows in the database: for an operator at the shell.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use store::MailRow;

use crate::app::Control;

/// Limit: files of the folder; the oldest make room.
const FILES_MAX: usize = 1_000;

impl Control {
    /// The row is the truth; a file that cannot be written is told to the log.
    pub(super) async fn mail_file(&self, mail: MailRow) {
        let Some(folder) = self.settings.outbox.clone() else { return };
        let id = mail.id;
        let written = tokio::task::spawn_blocking(move || write(&folder, &mail)).await;
        match written {
            Ok(Ok(())) => tracing::info!(mail.id = %id, "a letter lies in the outbox folder"),
            Ok(Err(error)) => tracing::warn!(mail.id = %id, %error, "a letter is in the outbox table only: its file was not written"),
            Err(error) => tracing::warn!(mail.id = %id, %error, "a letter is in the outbox table only: its file was not written"),
        }
    }
}

/// Ids are ordered by time, and so are the names.
fn write(folder: &Path, mail: &MailRow) -> io::Result<()> {
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|file| file.map(|file| file.path())).collect::<io::Result<_>>()?;
    names.retain(|name| name.extension().is_some_and(|extension| extension == "txt"));
    names.sort();
    for old in names.iter().take((names.len() + 1).saturating_sub(FILES_MAX)) {
        fs::remove_file(old)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(format!("{}.txt", mail.id)))?;
    write!(file, "To: {}\nSubject: {}\n\n{}", mail.recipient, mail.subject, mail.body)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use domain::UnixMicros;
    use domain::ids::MailId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn letters_are_private_files_and_the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let outbox = folder.path().join("outbox");
        let mail = |n: u128| MailRow {
            id: MailId::from_uuid(Uuid::from_u128(n)),
            recipient: "ada@example.com".to_owned(),
            subject: "Come".to_owned(),
            body: "Please.\n".to_owned(),
            created_at: UnixMicros(0),
        };
        for n in 0..1_002 {
            write(&outbox, &mail(n)).unwrap();
        }
        assert_eq!(fs::read_dir(&outbox).unwrap().count(), FILES_MAX);
        let (first, last) = (outbox.join(format!("{}.txt", mail(1).id)), outbox.join(format!("{}.txt", mail(1_001).id)));
        assert!(!first.exists());
        assert_eq!(fs::read_to_string(&last).unwrap(), "To: ada@example.com\nSubject: Come\n\nPlease.\n");
        assert_eq!(fs::metadata(&last).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&outbox).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
