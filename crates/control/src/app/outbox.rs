//! Letters as files in the outbox folder, beside their rows in the database: for an operator at the shell.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use domain::ids::MailId;
use store::MailRow;

/// Limit: files of the folder; the oldest make room.
const FILES_MAX: usize = 1_000;

/// Writes a letter, over an older state of itself. Ids are ordered by time, and so are the names.
pub(super) fn write(folder: &Path, mail: &MailRow) -> io::Result<()> {
    if !folder.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut names: Vec<PathBuf> = fs::read_dir(folder)?.map(|file| file.map(|file| file.path())).collect::<io::Result<_>>()?;
    names.retain(|name| name.extension().is_some_and(|extension| extension == "txt"));
    names.sort();
    let path = path(folder, mail);
    names.retain(|name| *name != path);
    for old in names.iter().take((names.len() + 1).saturating_sub(FILES_MAX)) {
        fs::remove_file(old)?;
    }
    let aside = path.with_extension("part");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    write!(file, "To: {}\nSubject: {}\n\n{}", mail.recipient, mail.subject, mail.text(true))?;
    fs::rename(&aside, &path)
}

/// Writes a letter anew if its file is there.
pub(super) fn rewrite(folder: &Path, mail: &MailRow) -> io::Result<()> {
    if path(folder, mail).exists() { write(folder, mail) } else { Ok(()) }
}

/// Removes a letter, if it is there.
pub(super) fn remove(folder: &Path, id: MailId) -> io::Result<()> {
    match fs::remove_file(folder.join(format!("{id}.txt"))) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn path(folder: &Path, mail: &MailRow) -> PathBuf {
    folder.join(format!("{}.txt", mail.id))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use domain::UnixMicros;
    use store::{MailStatus, SECRET_MARK};
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
            body: format!("Please: {SECRET_MARK}\n"),
            secret: Some("abc".to_owned()),
            status: MailStatus::Waiting,
            tries: 0,
            next_at: UnixMicros(0),
            error: None,
            created_at: UnixMicros(0),
        };
        for n in 0..1_002 {
            write(&outbox, &mail(n)).unwrap();
        }
        assert_eq!(fs::read_dir(&outbox).unwrap().count(), FILES_MAX);
        let (first, last) = (outbox.join(format!("{}.txt", mail(1).id)), outbox.join(format!("{}.txt", mail(1_001).id)));
        assert!(!first.exists());
        assert_eq!(fs::read_to_string(&last).unwrap(), "To: ada@example.com\nSubject: Come\n\nPlease: abc\n");
        rewrite(&outbox, &MailRow { secret: None, ..mail(1_001) }).unwrap();
        rewrite(&outbox, &MailRow { secret: None, ..mail(1) }).unwrap();
        assert_eq!((fs::read_dir(&outbox).unwrap().count(), first.exists()), (FILES_MAX, false));
        assert!(!fs::read_to_string(&last).unwrap().contains("abc"), "a secret that is over stayed in its file");
        remove(&outbox, mail(1_000).id).unwrap();
        remove(&outbox, mail(1_000).id).unwrap();
        assert_eq!(fs::read_dir(&outbox).unwrap().count(), FILES_MAX - 1);
        assert_eq!(fs::metadata(&last).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&outbox).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
