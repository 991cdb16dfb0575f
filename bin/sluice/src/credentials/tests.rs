use super::*;
use std::os::unix::fs::PermissionsExt;

fn environment(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_set_is_made_once_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let none = environment(&[]);
    let (first, fresh) = establish(dir.path(), &none).unwrap();
    assert!(fresh && first.account_id.len() == 10 && first.access_key_secret.expose_secret().len() == 40);
    let (second, fresh) = establish(dir.path(), &none).unwrap();
    assert!(!fresh);
    assert_eq!(first.shown_once(), second.shown_once());
    assert_eq!(first.admin_token.expose_secret(), second.admin_token.expose_secret());
    let mode = fs::metadata(dir.path().join(FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn the_environment_wins_and_its_secrets_are_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let given = environment(&[
        (ACCOUNT_ID, "1250000000"),
        (KEY_ID, "AKID"),
        (KEY_SECRET, "hidden-secret"),
        (ADMIN_TOKEN, "hidden-token"),
    ]);
    let (set, fresh) = establish(dir.path(), &given).unwrap();
    assert!(!fresh && set.account_id == "1250000000" && set.access_key_id == "AKID");
    let text = fs::read_to_string(dir.path().join(FILE)).unwrap();
    assert_eq!(text, "account_id = \"1250000000\"\n");
    let (later, fresh) = establish(dir.path(), &environment(&[])).unwrap();
    assert!(fresh && later.account_id == "1250000000", "functions keep their owner");
    let mixed = known(dir.path(), &environment(&[(KEY_ID, "OTHER"), (KEY_SECRET, "pair")])).unwrap();
    let (id, secret) = mixed.key.unwrap();
    assert_eq!((id.as_str(), secret.expose_secret()), ("OTHER", "pair"));
}

#[test]
fn half_a_pair_and_bad_ids_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for bad in [&[(KEY_ID, "AKID")][..], &[(KEY_SECRET, "s")], &[(ACCOUNT_ID, "not-digits")]] {
        assert!(establish(dir.path(), &environment(bad)).is_err(), "{bad:?}");
    }
}

#[test]
fn a_broken_file_is_named_without_its_content() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), "account_id = \"1\"\naccess_key_secret = hidden\n").unwrap();
    let error = format!("{:#}", establish(dir.path(), &environment(&[])).unwrap_err());
    assert!(error.contains("credentials.toml is not valid near line 2") && !error.contains("hidden"), "{error}");
    assert!(!format!("{:?}", SecretString::from("hidden")).contains("hidden"));
}
