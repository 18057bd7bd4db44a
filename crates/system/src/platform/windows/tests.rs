//! Access lists as the system keeps them.
//!
//! Wine keeps the access list of a file as the mode bits of the file below: what others may do is one entry
//! for everybody, and an owner is this process's user or the system. What is told apart beyond that, such as
//! a folder to which others can add only, is tested by entries and not by files.

use std::fs;

use windows_sys::Win32::Storage::FileSystem::{FILE_ALL_ACCESS, FILE_GENERIC_READ};

use super::*;
use crate::found::Found;
use crate::private_file::{self, NotPrivate};
use crate::{folder, machine};

/// What a folder looks like that has this owner and this access list.
fn found(owner: UserId, allowed: &[(UserId, u32)]) -> Found {
    let place = tempfile::tempdir().unwrap();
    let mut found = Found::at(place.path()).unwrap();
    found.access = found.access.clone().with(owner, allowed);
    found
}

#[test]
fn this_process_has_a_user_whom_its_sid_names_too() {
    let own = User::own();
    assert!(own.to_string().starts_with("S-1-5-"), "{own}");
    assert_eq!(User::by_name(&own.to_string()).unwrap(), Some(own));
    assert_eq!(User::by_name("S-1-5-32-544").unwrap(), Some(User(UserId::ADMINISTRATORS)));
    assert!(User(UserId::SYSTEM).is_administrator());
    assert!(!User(UserId::EVERYONE).is_trusted());
    assert_eq!(User(UserId::TRUSTED_INSTALLER).to_string().matches('-').count(), 8);
}

#[test]
fn a_new_file_is_private_and_one_that_everybody_can_read_is_not() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("secret");
    let file = private_file::open_to_write(&path, true).unwrap();
    assert_eq!(private_file::check(&Found::of(&file).unwrap()), Ok(()));
    assert_eq!(folder::owner(&Found::of(&file).unwrap()), Some(User::own()));
    drop(file);
    let again = private_file::open_to_read(&path).unwrap();
    assert_eq!(private_file::check(&Found::of(&again).unwrap()), Ok(()));

    let path = place.path().join("open");
    fs::write(&path, "no secret").unwrap();
    let mut open = Found::at(&path).unwrap();
    open.access = open.access.clone().with(own_user(), &[(UserId::EVERYONE, FILE_GENERIC_READ)]);
    let why = private_file::check(&open).unwrap_err();
    assert!(matches!(&why, NotPrivate::OpenTo { right: "read", .. }), "{why}");
    let message = why.to_string();
    assert!(message.starts_with("it is open to ") && message.ends_with(", who can read it"), "{message}");
}

#[test]
fn a_private_folder_and_those_above_it_are_made_for_their_owner_alone() {
    let place = tempfile::tempdir().unwrap();
    let inner = place.path().join("a").join("b");
    folder::make_private(&inner).unwrap();
    folder::make_private(&inner).unwrap();
    for made in [&inner, &place.path().join("a")] {
        let found = Found::at_itself(made).unwrap();
        assert_eq!(folder::check_private(&found), Ok(()));
        assert!(!found.access.lets_others_in(), "{:?}", found.access);
    }
    fs::write(inner.join("file"), "").unwrap();
    assert!(folder::make_private(&inner.join("file")).is_err());
}

#[test]
fn a_list_that_lets_others_change_a_folder_is_told_from_one_that_lets_them_add() {
    let administrators = (UserId::ADMINISTRATORS, FILE_ALL_ACCESS);
    let private = found(own_user(), &[administrators, (UserId::OWNER_RIGHTS, FILE_ALL_ACCESS)]);
    assert_eq!(folder::check_private(&private), Ok(()));
    // Everybody can make files in `C:\ProgramData`, and change only their own.
    let shared = found(UserId::SYSTEM, &[administrators, (UserId::USERS, FILE_GENERIC_READ | 6)]);
    assert_eq!(folder::check_private(&shared), Err(folder::Untrusted::Writable));
    assert_eq!(folder::check_shared(&shared), Ok(()));
    assert!(folder::everybody_can_write(&shared));
    let open = found(UserId::SYSTEM, &[(UserId::EVERYONE, FILE_ALL_ACCESS)]);
    assert_eq!(folder::check_shared(&open), Err(folder::Untrusted::Writable));
    let foreign = found(UserId::USERS, &[]);
    assert_eq!(folder::check_private(&foreign), Err(folder::Untrusted::ForeignOwner));
}

#[test]
fn a_path_leads_to_the_open_file_until_another_takes_its_place() {
    let place = tempfile::tempdir().unwrap();
    let (path, other) = (place.path().join("file"), place.path().join("other"));
    let file = private_file::open_to_write(&path, true).unwrap();
    fs::write(&other, "").unwrap();
    assert!(private_file::is_same_file(&file, &path));
    assert!(!private_file::is_same_file(&file, &other));
    assert!(private_file::sync_folder_of(&path).is_ok());
    assert_eq!(private_file::open_to_write(&path, true).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    assert!(private_file::open_to_write("no\0name".as_ref(), true).is_err());
}

#[test]
fn the_machine_has_a_name() {
    assert!(!machine::host_name().is_empty());
}
