//! Answers questions about descriptors, one a line, so that programs in other languages can be compared with
//! this crate. Fields are separated by tabs.
//!
//! | question | answer |
//! | --- | --- |
//! | `parse`, SDDL | `ok`, the self-relative form in hexadecimal, SDDL |
//! | `read`, self-relative form in hexadecimal | the same |
//! | `check`, self-relative form in hexadecimal, SID of an account, its groups with commas, wanted rights as a number | `granted` or `denied`, the rights granted or missing, the SIDs of the account's token with commas |
//!
//! A question that cannot be answered is answered by `refused` and the reason.

use std::error::Error;
use std::io::{self, BufRead, Write};

use standpipe_security::{
    AccessMask, Account, NtHash, PIPE_MAPPING, SecurityDescriptor, Sid, Token, check_access,
};

fn main() -> io::Result<()> {
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let answer = answer(&line?).unwrap_or_else(|error| format!("refused\t{error}"));
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn answer(question: &str) -> Result<String, Box<dyn Error>> {
    let fields: Vec<&str> = question.split('\t').collect();
    match fields[..] {
        ["parse", sddl] => both_forms(&sddl.parse()?),
        ["read", bytes] => both_forms(&SecurityDescriptor::from_bytes(&from_hex(bytes)?)?),
        ["check", bytes, user, groups, wanted] => {
            let descriptor = SecurityDescriptor::from_bytes(&from_hex(bytes)?)?;
            Ok(check(&descriptor, &token(user, groups)?, AccessMask(wanted.parse()?)))
        }
        _ => Err("this is no question".into()),
    }
}

fn both_forms(descriptor: &SecurityDescriptor) -> Result<String, Box<dyn Error>> {
    Ok(format!("ok\t{}\t{descriptor}", to_hex(&descriptor.to_bytes()?)))
}

fn check(sd: &SecurityDescriptor, token: &Token, wanted: AccessMask) -> String {
    let sids: Vec<String> = std::iter::once(token.user()).chain(token.groups()).map(Sid::to_string).collect();
    let (word, rights) = match check_access(sd, token, wanted.into(), &PIPE_MAPPING).result {
        Ok(grant) => ("granted", grant.access().mask()),
        Err(denial) => ("denied", denial.missing()),
    };
    format!("{word}\t{}\t{}", rights.0, sids.join(","))
}

fn token(user: &str, groups: &str) -> Result<Token, Box<dyn Error>> {
    let groups = groups.split(',').filter(|group| !group.is_empty()).map(str::parse);
    let account = Account {
        name: "someone".parse()?,
        sid: user.parse()?,
        nt_hash: NtHash::of_password(""),
        groups: groups.collect::<Result<_, _>>()?,
        enabled: true,
    };
    Ok(Token::network_logon(&account))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

fn from_hex(text: &str) -> Result<Vec<u8>, Box<dyn Error>> {
    let digits: Vec<char> = text.chars().collect();
    let byte = |pair: &[char]| Ok(u8::from_str_radix(&pair.iter().collect::<String>(), 16)?);
    digits.chunks(2).map(byte).collect()
}
