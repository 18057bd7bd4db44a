//! A security descriptor in words, as it counts for a pipe.

use std::fmt::Write;

use standpipe_security::{
    AccessMask, Ace, AceBody, AceFlags, Acl, PIPE_MAPPING, SecurityDescriptor, Trustee, Verdict, well_known,
};

/// The rights that are called by a name of their own, in the order they are written.
const NAMES: [(AccessMask, &str); 9] = [
    (AccessMask::FILE_READ_DATA, "read data"),
    (AccessMask::FILE_WRITE_DATA, "write data"),
    (AccessMask::FILE_CREATE_PIPE_INSTANCE, "create instances"),
    (AccessMask::FILE_READ_ATTRIBUTES, "read its state"),
    (AccessMask::FILE_WRITE_ATTRIBUTES, "change its state"),
    (AccessMask::DELETE, "delete"),
    (AccessMask::READ_CONTROL, "read the descriptor"),
    (AccessMask::WRITE_DAC, "change the DACL"),
    (AccessMask::WRITE_OWNER, "change the owner"),
];

/// The whole descriptor, several lines, without the last line end.
pub(super) fn explain(descriptor: &SecurityDescriptor) -> String {
    let mut text = String::new();
    if let Some(owner) = descriptor.owner() {
        let _ = writeln!(text, "owner: {}", name(owner));
    }
    if let Some(group) = descriptor.group() {
        let _ = writeln!(text, "group: {}", name(group));
    }
    match descriptor.dacl() {
        None => text.push_str("no DACL: everybody may do everything\n"),
        Some(dacl) if dacl.aces.is_empty() => text.push_str("an empty DACL: nobody may do anything\n"),
        Some(dacl) => {
            entries(
                &mut text,
                "who may open the pipe; for each right, the first entry that names it decides",
                dacl,
            );
            text.push_str("whoever no entry allows is denied\n");
        }
    }
    if let Some(sacl) = descriptor.sacl().filter(|sacl| !sacl.aces.is_empty()) {
        entries(&mut text, "what else is kept with the pipe", sacl);
    }
    text.truncate(text.trim_end().len());
    text
}

fn entries(text: &mut String, heading: &str, acl: &Acl) {
    let _ = writeln!(text, "{heading}:");
    let rows: Vec<(String, String)> = acl.aces.iter().map(entry).collect();
    let width = rows.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    for (index, ((what, whom), ace)) in rows.iter().zip(&acl.aces).enumerate() {
        let _ = write!(text, "  {}. {what:width$}  {whom}", index + 1);
        for remark in remarks(ace) {
            let _ = write!(text, "; {remark}");
        }
        text.push('\n');
    }
}

/// What an entry does, and whom it is about.
fn entry(ace: &Ace) -> (String, String) {
    let whom = ace.body.trustee().map_or_else(String::new, name);
    let what = match &ace.body {
        AceBody::Access { verdict, mask, .. } => {
            let verb = match verdict {
                Verdict::Allow => "allow",
                Verdict::Deny => "deny ",
                Verdict::Audit => "audit",
                Verdict::Alarm => "alarm",
            };
            format!("{verb} {}", rights(*mask))
        }
        AceBody::MandatoryLabel { .. } => "callers must be trusted as much as".to_owned(),
        AceBody::ResourceAttribute { .. } => "an attribute for conditions".to_owned(),
        AceBody::ScopedPolicy { .. } => "a central access policy".to_owned(),
        AceBody::ProcessTrustLabel { .. } => "a process trust label".to_owned(),
        AceBody::AccessFilter { .. } => "an access filter".to_owned(),
        AceBody::Opaque { ace_type, .. } => format!("an entry of the unknown type {ace_type:#04x}"),
    };
    (what, whom)
}

/// What has to be known beside the rights.
fn remarks(ace: &Ace) -> Vec<&'static str> {
    let mut remarks = Vec::new();
    if ace.flags.contains(AceFlags::INHERIT_ONLY) {
        remarks.push("inherit only: it does not count for the pipe itself");
    }
    if let AceBody::Access { verdict, object, condition, .. } = &ace.body {
        let allows = *verdict == Verdict::Allow;
        if condition.is_some() {
            remarks.push(if allows {
                "it has a condition, which is not evaluated: it allows nothing"
            } else {
                "it has a condition, which is not evaluated but taken to hold"
            });
        }
        if object.is_some_and(|types| types.object.is_some()) {
            remarks.push(if allows {
                "it is limited to a kind of object that a pipe is not: it allows nothing"
            } else {
                "it is limited to a kind of object, which is taken to be this one"
            });
        }
    }
    if let Some(Trustee::InDomain(_)) = ace.body.trustee() {
        remarks.push("it needs a domain or machine to be complete");
    }
    remarks
}

/// Rights in words, as they count for a pipe.
fn rights(mask: AccessMask) -> String {
    let mapped = PIPE_MAPPING.map(mask);
    if mapped.contains(PIPE_MAPPING.all) {
        return "everything".to_owned();
    }
    // The generic rights first: what they stand for need not be spelled out.
    let mut words = Vec::new();
    let mut left = mapped;
    for (meaning, word) in
        [(PIPE_MAPPING.read, "read"), (PIPE_MAPPING.write, "write"), (PIPE_MAPPING.execute, "execute")]
    {
        if mapped.contains(meaning) {
            words.push(word.to_owned());
            left = left.without(meaning);
        }
    }
    for (right, word) in NAMES {
        if left.intersects(right) {
            words.push(word.to_owned());
            left = left.without(right);
        }
    }
    // Waiting for a pipe needs no right, so that it is worth no word.
    let rest = left.without(AccessMask::SYNCHRONIZE);
    if !rest.is_empty() {
        words.push(format!("{rest:#x}"));
    }
    if words.is_empty() { "nothing".to_owned() } else { words.join(", ") }
}

/// A SID and, where it has one, its name.
fn name(trustee: &Trustee) -> String {
    match trustee {
        Trustee::Sid(sid) => match well_known::name_of(sid) {
            Some(name) => format!("{name} ({sid})"),
            None => sid.to_string(),
        },
        Trustee::InDomain(alias) => format!("{} ({})", alias.name(), alias.alias()),
    }
}
